#include "bus/wire.h"

#define TEXT_BYTES_MIN 1

void lki_wire_require(struct lki_wire *wire, bool good)
{
    if (!wire->out && !good)
        wire->in.bad = true;
}

uint64_t lki_wire_number(struct lki_wire *wire, uint64_t value, uint64_t max)
{
    if (!wire->out)
        return lki_unpack_max(&wire->in, max);
    lki_pack_u64(wire->out, value);
    return value;
}

void lki_wire_u64(struct lki_wire *wire, uint64_t *value)
{
    *value = lki_wire_number(wire, *value, UINT64_MAX);
}

void lki_wire_u32(struct lki_wire *wire, uint32_t *value)
{
    *value = (uint32_t)lki_wire_number(wire, *value, UINT32_MAX);
}

void lki_wire_size(struct lki_wire *wire, size_t *value)
{
    *value = (size_t)lki_wire_number(wire, *value, SIZE_MAX);
}

void lki_wire_flag(struct lki_wire *wire, bool *value)
{
    *value = lki_wire_number(wire, *value, 1) != 0;
}

void lki_wire_i64(struct lki_wire *wire, int64_t *value)
{
    if (wire->out)
        lki_pack_i64(wire->out, *value);
    else
        *value = lki_unpack_i64(&wire->in);
}

void lki_wire_span(struct lki_wire *wire, int64_t *ns)
{
    int64_t value = *ns < LKI_WIRE_SPAN_MAX_NS ? *ns : LKI_WIRE_SPAN_MAX_NS;

    lki_wire_i64(wire, &value);
    lki_wire_require(wire, value >= -LKI_WIRE_SPAN_MAX_NS && value <= LKI_WIRE_SPAN_MAX_NS);
    if (!wire->out)
        *ns = wire->in.bad ? 0 : value;
}

void lki_wire_f64(struct lki_wire *wire, double *value)
{
    if (wire->out)
        lki_pack_f64(wire->out, *value);
    else
        *value = lki_unpack_f64(&wire->in);
}

void lki_wire_text_or_null(struct lki_wire *wire, const char **text)
{
    if (wire->out)
        lki_pack_text(wire->out, *text);
    else
        *text = lki_unpack_text(&wire->in, wire->arena);
}

void lki_wire_text(struct lki_wire *wire, const char **text)
{
    lki_wire_text_or_null(wire, text);
    lki_wire_require(wire, *text != NULL);
}

void lki_wire_bytes(struct lki_wire *wire, const void **bytes, size_t *len)
{
    if (wire->out)
        lki_pack_bytes(wire->out, *bytes, *len);
    else
        *bytes = lki_unpack_bytes(&wire->in, len);
}

void *lki_wire_list(struct lki_wire *wire, void *written, size_t *count, size_t bytes,
                    size_t bytes_min)
{
    size_t most = wire->out ? 0 : (size_t)(wire->in.end - wire->in.at) / bytes_min;
    void *read;

    *count = (size_t)lki_wire_number(wire, *count, most);
    if (wire->out || wire->in.bad)
        return written;
    read = lki_arena_alloc(wire->arena, *count * bytes);
    if (!read) {
        wire->in.bad = true;
        wire->in.starved = true;
    }
    return read;
}

void lki_wire_texts(struct lki_wire *wire, const char ***texts, size_t *count)
{
    *texts = lki_wire_list(wire, *texts, count, sizeof(**texts), TEXT_BYTES_MIN);
    for (size_t i = 0; i < *count && !wire->in.bad; i++)
        lki_wire_text(wire, &(*texts)[i]);
}
