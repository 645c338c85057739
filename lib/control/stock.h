/*
 * Objects of resources that were created from outside, before or between runs: a run leases them
 * to its workers, and never makes others of such a resource. They stay when a run is over.
 */
#ifndef LKI_CONTROL_STOCK_H
#define LKI_CONTROL_STOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/buf.h"
#include "model/model.h"

/* Ids of one resource, bytes of one object, and of all: beyond them nothing is added. */
#define LKI_STOCK_IDS_MAX 10000000
#define LKI_STOCK_OBJECT_MAX ((size_t)256 * 1024)
#define LKI_STOCK_BYTES_MAX ((size_t)512 * 1024 * 1024)

struct lki_stock;

/* The model is borrowed. */
enum lk_err lki_stock_new(struct lki_stock **out, const struct lki_model *model);
/* NULL is ignored. */
void lki_stock_free(struct lki_stock *stock);

/* Objects there are: ids 1 .. last id, less those that were deleted. */
uint64_t lki_stock_count(const struct lki_stock *stock, size_t resource);
/* Ids ever given out: the highest. */
uint64_t lki_stock_last_id(const struct lki_stock *stock, size_t resource);
/* The object, as JSON text, as users get it; NULL: there is none of that id. Until it is deleted.
 */
const char *lki_stock_text(const struct lki_stock *stock, size_t resource, uint64_t id);
/* What is known of it beside, likewise. */
const char *lki_stock_facts(const struct lki_stock *stock, size_t resource, uint64_t id);

/*
 * Adds the object of the next id: a resource_id (a string), and the members of the parts. text:
 * JSON object that the factory made, or NULL; payload: JSON object of who asked, or NULL. Of
 * members with one name the last one counts, at the place of the first. Its facts are about, a JSON
 * object or NULL, resource_name, resource_id and created_at. LK_E_FORMAT: one of all is no object;
 * LK_E_LIMIT: beyond what may be.
 */
struct lki_stock_parts {
    const char *text;
    const char *payload;
    const char *about;
    int64_t created_at_s;
};
enum lk_err lki_stock_add(struct lki_stock *stock, size_t resource,
                          const struct lki_stock_parts *parts, uint64_t *id);
/* False: there is none of that id. Of one that a run has leased: it is not leased again. */
bool lki_stock_delete(struct lki_stock *stock, size_t resource, uint64_t id);
uint64_t lki_stock_delete_all(struct lki_stock *stock, size_t resource);

/* Counts the changes: a checkpoint is needed when it has risen. */
uint64_t lki_stock_version(const struct lki_stock *stock);
/* All of it, as bytes, and back: what there was goes. Resources that the model does not have are
 * left out. LK_E_FORMAT: these are no such bytes; it is as it was. */
void lki_stock_write(const struct lki_stock *stock, struct lki_buf *out);
enum lk_err lki_stock_read(struct lki_stock *stock, const void *bytes, size_t len);

#endif
