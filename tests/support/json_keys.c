/* Prints the keys of a JSON object in a file: of each member a line with its name, and one with its
 * name and each key at any depth in it. Members of which the keys are data count as one. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

static bool is_data(const char *key)
{
    return key && (!strcmp(key, "codes") || !strcmp(key, "categories"));
}

static void keys_print(const char *section, const cJSON *value)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, value)
    {
        if (member->string)
            printf("%s %s\n", section, member->string);
        if (!is_data(member->string))
            keys_print(section, member);
    }
}

static char *file_read(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    long size;

    if (!file)
        return NULL;
    if (!fseek(file, 0, SEEK_END) && (size = ftell(file)) >= 0 && !fseek(file, 0, SEEK_SET))
        text = calloc(1, (size_t)size + 1);
    if (text && fread(text, 1, (size_t)size, file) != (size_t)size) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

int main(int argc, char **argv)
{
    char *text = argc > 1 ? file_read(argv[1]) : NULL;
    cJSON *all = text ? cJSON_Parse(text) : NULL;
    const cJSON *section;

    if (!cJSON_IsObject(all)) {
        fprintf(stderr, "json_keys: %s has no JSON object\n", argc > 1 ? argv[1] : "nothing");
        return 1;
    }
    cJSON_ArrayForEach(section, all)
    {
        puts(section->string);
        keys_print(section->string, section);
    }
    cJSON_Delete(all);
    free(text);
    return 0;
}
