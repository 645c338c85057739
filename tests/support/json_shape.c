/*
 * What a JSON text from standard input is like, for scripts:
 *
 *     json_shape            its shape: {"a":1,"b":["x"],"c":null} is {a:n,b:[s],c:null}; n is a
 *                           number, i one that is whole, s a string, b a boolean. Members are
 *                           sorted; of an array all elements must be alike, else it is [mixed].
 *     json_shape PATH...    the values at these paths ("a", "b.0", "metrics.#" for how many), a
 * line each: strings as they are, all else as JSON; "-" if there is none.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#define SHAPE_MAX 65536

static char *input_read(void)
{
    size_t cap = 1 << 16;
    size_t len = 0;
    char *text = malloc(cap);
    size_t got;

    while (text && (got = fread(text + len, 1, cap - len - 1, stdin)) > 0) {
        len += got;
        if (cap - len < 2) {
            cap *= 2;
            text = realloc(text, cap);
        }
    }
    if (text)
        text[len] = '\0';
    return text;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static void shape(const cJSON *value, char *out, size_t size);

static void shape_add(char *out, size_t size, const char *text)
{
    size_t len = strlen(out);

    snprintf(out + len, size - len, "%s", text);
}

static void shape_object(const cJSON *value, char *out, size_t size)
{
    const cJSON *members[256];
    const cJSON *member;
    size_t count = 0;

    cJSON_ArrayForEach(member, value)
    {
        if (count < 256)
            members[count++] = member;
    }
    qsort(members, count, sizeof(members[0]), by_name);
    shape_add(out, size, "{");
    for (size_t i = 0; i < count; i++) {
        size_t len;

        shape_add(out, size, i ? "," : "");
        shape_add(out, size, members[i]->string);
        shape_add(out, size, ":");
        len = strlen(out);
        shape(members[i], out + len, size - len);
    }
    shape_add(out, size, "}");
}

static void shape_array(const cJSON *value, char *out, size_t size)
{
    char *first = calloc(1, SHAPE_MAX);
    char *other = calloc(1, SHAPE_MAX);
    const cJSON *element;
    bool mixed = false;

    cJSON_ArrayForEach(element, value)
    {
        *other = '\0';
        shape(element, element == value->child ? first : other, SHAPE_MAX);
        mixed = mixed || (element != value->child && strcmp(first, other) != 0);
    }
    shape_add(out, size, "[");
    shape_add(out, size, mixed ? "mixed" : first);
    shape_add(out, size, "]");
    free(first);
    free(other);
}

static void shape(const cJSON *value, char *out, size_t size)
{
    *out = '\0';
    if (cJSON_IsObject(value))
        shape_object(value, out, size);
    else if (cJSON_IsArray(value))
        shape_array(value, out, size);
    else if (cJSON_IsNumber(value))
        shape_add(out, size,
                  value->valuedouble == (double)(long long)value->valuedouble ? "i" : "n");
    else if (cJSON_IsString(value))
        shape_add(out, size, "s");
    else if (cJSON_IsBool(value))
        shape_add(out, size, "b");
    else
        shape_add(out, size, "null");
}

/* Members may have dots in their names: the longest one that fits is taken. */
static const cJSON *find(const cJSON *value, const char *path)
{
    const cJSON *member;
    const cJSON *found = NULL;
    size_t longest = 0;

    if (!*path || !value)
        return value;
    if (cJSON_IsArray(value)) {
        member = cJSON_GetArrayItem(value, atoi(path));
        path += strcspn(path, ".");
        return find(member, *path ? path + 1 : path);
    }
    cJSON_ArrayForEach(member, value)
    {
        size_t len = member->string ? strlen(member->string) : 0;

        if (len >= longest && !strncmp(path, member->string, len) &&
            (!path[len] || path[len] == '.')) {
            longest = len;
            found = member;
        }
    }
    path += longest;
    return found ? find(found, *path ? path + 1 : path) : NULL;
}

static void print(const cJSON *all, const char *path)
{
    size_t len = strlen(path);
    bool count = len && path[len - 1] == '#';
    char *parent = strdup(path);
    const cJSON *value;
    char *text;

    if (count)
        parent[len > 1 ? len - 2 : 0] = '\0';
    value = find(all, parent);
    free(parent);
    if (!value) {
        puts("-");
    } else if (count) {
        printf("%d\n", cJSON_GetArraySize(value));
    } else if (cJSON_IsString(value)) {
        puts(value->valuestring);
    } else {
        text = cJSON_PrintUnformatted(value);
        puts(text);
        free(text);
    }
}

int main(int argc, char **argv)
{
    static char out[SHAPE_MAX];
    char *text = input_read();
    cJSON *all = text ? cJSON_Parse(text) : NULL;

    if (!all) {
        printf("no JSON: %.200s\n", text ? text : "");
        free(text);
        return 1;
    }
    if (argc < 2) {
        shape(all, out, sizeof(out));
        puts(out);
    }
    for (int i = 1; i < argc; i++)
        print(all, argv[i]);
    cJSON_Delete(all);
    free(text);
    return 0;
}
