#include "bus/envelope.h"

#include <string.h>

#include "base/pack.h"
#include "bus/claim.h"

/* Changes with the form of what follows. */
#define FORM 0x4c32 /* L2 */

#define NAME "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

static bool is_of(const char *text, const char *characters)
{
    size_t len = strlen(text);

    return len && len <= LKI_NAME_MAX && strspn(text, characters) == len;
}

bool lki_cluster_is_name(const char *text)
{
    return is_of(text, NAME);
}

bool lki_station_is_id(const char *text)
{
    return is_of(text, NAME ":");
}

enum lk_err lki_envelope_write(const struct lki_envelope *envelope, struct lki_buf *out)
{
    lki_buf_clear(out);
    lki_pack_u64(out, FORM);
    lki_pack_bytes(out, envelope->station, strlen(envelope->station));
    lki_pack_u64(out, envelope->session);
    lki_pack_u64(out, envelope->token);
    lki_pack_u64(out, envelope->beat);
    lki_pack_i64(out, envelope->stamp_ns);
    lki_buf_append(out, envelope->bytes, envelope->len);
    return out->err;
}

enum lk_err lki_envelope_read(struct lki_envelope *envelope, const void *bytes, size_t len)
{
    struct lki_unpack in = lki_unpack(bytes, len);
    bool ours = lki_unpack_u64(&in) == FORM;
    size_t station_len;
    const char *station = lki_unpack_bytes(&in, &station_len);

    *envelope = (struct lki_envelope){.session = lki_unpack_u64(&in)};
    envelope->token = lki_unpack_max(&in, LKI_TOKEN_MAX);
    envelope->beat = lki_unpack_max(&in, 1);
    envelope->stamp_ns = lki_unpack_i64(&in);
    envelope->bytes = in.at;
    envelope->len = (size_t)(in.end - in.at);
    if (in.bad || !ours || !envelope->session || station_len > LKI_NAME_MAX)
        return LK_E_FORMAT;
    memcpy(envelope->station, station, station_len);
    return lki_station_is_id(envelope->station) ? LK_OK : LK_E_FORMAT;
}
