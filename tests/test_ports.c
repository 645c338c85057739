/* Local ports, taken in turn from a range of which none but these tests knows the address. */
#include "net/ports.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "base/entropy.h"
#include "support/suite.h"

#define RANGE 100
/* Those that somebody has bound are left out. */
#define RANGE_LEAST 80

static int listener;
static struct sockaddr_in server;
static struct sockaddr_in own;
static struct lki_ports system_ports;
static struct lki_ports ports;
static int sockets[RANGE + 1];
static int count;

static void choose_range(void)
{
    ports.first = system_ports.first +
                  (uint32_t)(lki_entropy_u64() % (lki_ports_count(&system_ports) - RANGE));
    ports.last = ports.first + RANGE - 1;
    ports.next = ports.first + RANGE / 2;
}

static void setup(void)
{
    socklen_t len = sizeof(server);

    listener = socket(AF_INET, SOCK_STREAM, 0);
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    ck_assert(!bind(listener, (struct sockaddr *)&server, sizeof(server)));
    ck_assert(!listen(listener, RANGE + 1));
    ck_assert(!getsockname(listener, (struct sockaddr *)&server, &len));
    own = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr = {htonl(INADDR_LOOPBACK + 256 + (uint32_t)(lki_entropy_u64() % (1 << 23)))}};
    lki_ports_init(&system_ports);
    ck_assert_uint_gt(lki_ports_count(&system_ports), RANGE);
    choose_range();
    count = 0;
}

static void teardown(void)
{
    while (count)
        close(sockets[--count]);
    close(listener);
}

static int new_socket(void)
{
    const int on = 1;
    const struct linger at_once = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert(!setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)));
    ck_assert(!setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)));
    ck_assert(!bind(fd, (struct sockaddr *)&own, sizeof(own)));
    return fd;
}

/* 0, or an errno. */
static int connect_one(void)
{
    int fd = new_socket();
    int error = lki_ports_connect(&ports, fd, (struct sockaddr *)&server, sizeof(server));

    if (error) {
        close(fd);
        return error;
    }
    close(accept(listener, NULL, NULL));
    sockets[count++] = fd;
    return 0;
}

static uint32_t port_of(int fd)
{
    struct sockaddr_in local;
    socklen_t len = sizeof(local);

    ck_assert(!getsockname(fd, (struct sockaddr *)&local, &len));
    return ntohs(local.sin_port);
}

/* How many connections can be had; where the kernel cannot be told, as many as were asked for. */
static void use_all(void)
{
    while (count <= RANGE && !connect_one())
        continue;
}

START_TEST(the_range_is_that_of_the_system)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
    unsigned first;
    unsigned last;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%u %u", &first, &last), 2);
    fclose(file);
    ck_assert_uint_eq(system_ports.first, first);
    ck_assert_uint_eq(system_ports.last, last);
    ck_assert_uint_eq(lki_ports_count(&system_ports), last - first + 1);
    ck_assert_uint_ge(system_ports.next, first);
    ck_assert_uint_le(system_ports.next, last);
}
END_TEST

START_TEST(each_port_of_the_range_is_used_and_no_other)
{
    use_all();
    if (!ports.last) { /* this kernel chooses itself */
        ck_assert_int_eq(count, RANGE + 1);
        return;
    }
    ck_assert_int_ge(count, RANGE_LEAST);
    ck_assert_int_le(count, RANGE);
    for (int i = 0; i < count; i++) {
        ck_assert_uint_ge(port_of(sockets[i]), ports.first);
        ck_assert_uint_le(port_of(sockets[i]), ports.last);
    }
    ck_assert_int_eq(connect_one(), EADDRNOTAVAIL);
}
END_TEST

START_TEST(one_that_is_free_again_is_found_wherever_it_is)
{
    uint32_t freed;

    use_all();
    for (int i = 0; ports.last && i < 4; i++) {
        int at = i * count / 4;

        freed = port_of(sockets[at]);
        close(sockets[at]);
        sockets[at] = sockets[--count];
        ck_assert_int_eq(connect_one(), 0);
        ck_assert_uint_eq(port_of(sockets[count - 1]), freed);
    }
}
END_TEST

static void use_in_turn(void)
{
    for (int i = 0; i < 3 * RANGE + 7; i++) {
        ck_assert_int_eq(connect_one(), 0);
        close(sockets[--count]);
    }
}

/* Where somebody has bound the last ports of a range these are left out: then in another one. */
START_TEST(they_are_taken_in_turn)
{
    use_in_turn();
    for (int i = 0; i < 9 && ports.last && ports.next != ports.first + RANGE / 2 + 7; i++) {
        choose_range();
        use_in_turn();
    }
    if (ports.last)
        ck_assert_uint_eq(ports.next, ports.first + RANGE / 2 + 7);
}
END_TEST

START_TEST(without_a_range_the_kernel_chooses)
{
    ports = (struct lki_ports){0};
    ck_assert_uint_eq(lki_ports_count(&ports), 0);
    ck_assert_int_eq(connect_one(), 0);
    ck_assert_uint_gt(port_of(sockets[0]), 0);
}
END_TEST

START_TEST(other_errors_are_told)
{
    close(listener);
    listener = -1;
    ck_assert_int_eq(connect_one(), ECONNREFUSED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ports");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_range_is_that_of_the_system);
    tcase_add_test(tcase, each_port_of_the_range_is_used_and_no_other);
    tcase_add_test(tcase, one_that_is_free_again_is_found_wherever_it_is);
    tcase_add_test(tcase, they_are_taken_in_turn);
    tcase_add_test(tcase, without_a_range_the_kernel_chooses);
    tcase_add_test(tcase, other_errors_are_told);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
