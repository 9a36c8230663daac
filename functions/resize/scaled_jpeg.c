/*
 * Decodes a JPEG at one to four eighths of its size, and reads of the file no more than that takes.
 *
 * It takes what cameras write: baseline (ITU-T T.81; SOF0, SOF1) of 8 bits, grey or YCbCr, all of it in one scan.
 * Everything else it declines, and every file with the smallest fault: libjpeg knows what to do with those. So there
 * is nothing here that guesses, and no error to explain.
 *
 * - Of each block only the n x n lowest coefficients are decoded, for an inverse DCT of n x n pixels (Dugad and Ahuja,
 *   "A fast scheme for image size change in the compressed domain", 2001). That is nearer to an ideal low-pass filter
 *   than the means of pixels that libjpeg takes, and so closer to the picture resized at full size.
 * - What is left of a block is skipped, a table lookup for as many Huffman codes as begin in the next 12 bits. Most of
 *   a photo's bytes are that.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum {
    LOOKUP_BITS = 12, /* 16 KiB a table: the two of the AC coefficients stay in the first cache */
    MAX_SCALE = 4, /* eighths */
    MAX_MCU_BLOCKS = 10, /* T.81 B.2.3 */
    MAX_TABLES = 64, /* Huffman tables in a file. Each takes 0.1 ms, and a hostile file has room for millions */
    WINDOW_BYTES = 1 << 15,
    /* More than an MCU can take: 10 blocks of 64 coefficients, each a code of up to 16 bits and up to 15 more. */
    MARGIN_BYTES = 4096,
};

/* A coefficient: how many zeros before it, its value, its bits in all. No bits: it does not fit in the lookup. */
struct coefficient { int16_t value; uint8_t run, bits; };
enum { END_OF_BLOCK = 255 }; /* as a run */

/* What the next bits go past: so many coefficients in so many bits, and whether the block ends there. */
struct skip { uint8_t bits, coefficients, ends, unused; };

struct huffman { /* one that the file does not define is all zeros, and so has no code */
    uint16_t code[1 << 16]; /* by the next 16 bits: length << 8 | symbol; 0 where no code begins so */
    struct coefficient coefficient[1 << LOOKUP_BITS];
    struct skip skip[1 << LOOKUP_BITS];
};

struct component {
    int id, across, down; /* blocks in an MCU */
    int quantization, dc, ac; /* tables */
    int scale; /* pixels a side that a block becomes */
    int width, height; /* samples, without those that fill the last blocks */
    int before; /* the block before's DC */
    uint8_t *band; /* one row of MCUs */
    uint8_t *line; /* one line, as wide as the picture */
    size_t stride;
};

/* Where in the window we are. A local variable while an MCU is read, so that it stays in registers. */
struct reader {
    const uint8_t *next; /* the first byte that is not among the bits ahead */
    uint64_t bits; /* those ahead, from the top */
    int count; /* of them */
};

struct decoder {
    const uint8_t *at, *end; /* of the file: what was not taken yet */
    uint8_t window[WINDOW_BYTES + MARGIN_BYTES]; /* coded bytes, without the zeros that T.81 stuffs in */
    const uint8_t *limit; /* in the window */
    int complete; /* the window holds all up to the next marker, and then zeros */
    struct reader reader;

    int width, height, components, tables;
    int across, down; /* blocks in an MCU, of the component that has most */
    size_t restart_interval, mcus_across, mcus_down; /* in MCUs */
    size_t line_bytes;
    struct component component[3];
    int quantization_defined[4];
    int32_t quantization[4][64]; /* in zigzag order, as in the file */
    struct huffman dc[4], ac[4];
    float basis[MAX_SCALE + 1][4][4]; /* by scale: basis function, pixel */
    float rim[9][4][8]; /* by samples of a block that are the picture's: see `fold` */
    uint8_t *memory; /* the components' bands and lines */
};

static const double PI = 3.14159265358979; /* C17 has none */
/* The same of those that a reduced block needs: 4 * row + column, or 16, which nothing reads. */
static const uint8_t PLACE[25] = {
    0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 16, 13, 10, 7, 16, 16, 16, 11, 14, 16, 16, 16, 16, 16, 15,
};
/* Zigzag order (T.81 figure A.6): 8 * row + column. */
static const uint8_t NATURAL[64] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
};
/* The last coefficient that an inverse DCT of this scale needs. */
static const int LAST[MAX_SCALE + 1] = {0, 0, 4, 12, 24};

/* ---------------------------------------------------------------- bits */

/* Fills the window from the file. Kept at every MCU; between two of them it cannot run out. */
static void fill(struct decoder *d)
{
    size_t kept = (size_t)(d->limit - d->reader.next), room = WINDOW_BYTES - kept;
    uint8_t *out = d->window + kept;
    memmove(d->window, d->reader.next, kept);
    d->reader.next = d->window;
    while (room && !d->complete) {
        size_t left = (size_t)(d->end - d->at), take = left < room ? left : room;
        const uint8_t *found = take ? memchr(d->at, 0xFF, take) : NULL;
        size_t plain = found ? (size_t)(found - d->at) : take;
        memcpy(out, d->at, plain);
        out += plain, d->at += plain, room -= plain;
        if (d->end - d->at < 2)
            d->complete = 1;
        else if (found && d->at[1] == 0)
            *out++ = 0xFF, d->at += 2, room--;
        else if (found && d->at[1] == 0xFF)
            d->at++; /* a marker may be filled up in front */
        else if (found)
            d->complete = 1;
    }
    d->limit = out;
    if (d->complete)
        memset(out, 0, MARGIN_BYTES);
}

static void start_segment(struct decoder *d)
{
    d->limit = d->window;
    d->complete = 0;
    d->reader = (struct reader){d->window, 0, 0};
    for (int i = 0; i < d->components; i++)
        d->component[i].before = 0;
    fill(d);
}

/* How many bits are left before the next marker, as far as the window knows; negative if more were read. */
static long left_bits(const struct decoder *d)
{
    return (long)(d->limit - d->reader.next) * 8 + d->reader.count;
}

/* Makes it 56 bits or more that are ahead. */
INLINE void look_ahead(struct reader *r)
{
    uint64_t word;
    memcpy(&word, r->next, 8);
    r->bits |= __builtin_bswap64(word) >> r->count;
    r->next += (63 - r->count) >> 3;
    r->count |= 56;
}

INLINE void drop(struct reader *r, int bits)
{
    r->bits <<= bits;
    r->count -= bits;
}

/* The value of `size` bits that follow a code (T.81 F.2.2.1, EXTEND). */
INLINE int extend(unsigned bits, int size)
{
    return size && bits < 1u << (size - 1) ? (int)bits - (1 << size) + 1 : (int)bits;
}

/* ---------------------------------------------------------------- Huffman tables */

/* Whether a code is one that this decoder takes (T.81 F.1.2): no DC of over 11 bits, no zeros in front of nothing. */
INLINE int is_symbol(unsigned code, int is_ac)
{
    int run = code >> 4 & 15, size = code & 15;
    return code && (is_ac ? size || !run || run == 15 : !run && size <= 11);
}

static struct coefficient first_coefficient(const struct huffman *h, unsigned window, int is_ac)
{
    unsigned code = h->code[window << (16 - LOOKUP_BITS)];
    int length = code >> 8, run = code >> 4 & 15, size = code & 15;
    if (length + size > LOOKUP_BITS || !is_symbol(code, is_ac))
        return (struct coefficient){0, 0, 0};
    if (is_ac && !size && !run)
        return (struct coefficient){0, END_OF_BLOCK, (uint8_t)length};
    unsigned bits = window >> (LOOKUP_BITS - length - size) & ((1u << size) - 1);
    return (struct coefficient){(int16_t)extend(bits, size), (uint8_t)run, (uint8_t)(length + size)};
}

static struct skip all_that_begin(const struct huffman *h, unsigned window)
{
    struct skip past = {0, 0, 0, 0};
    while (past.bits < LOOKUP_BITS && !past.ends) {
        unsigned code = h->code[window << (16 - LOOKUP_BITS + past.bits) & 0xFFFF];
        int length = code >> 8, run = code >> 4 & 15, size = code & 15;
        if (length > LOOKUP_BITS - past.bits || !is_symbol(code, 1))
            break;
        past.ends = !size && !run;
        /* The bits of the last value need not be seen. An end counts as one: it is none if the block is full before. */
        past.bits += (uint8_t)(length + size);
        past.coefficients += (uint8_t)(run + 1);
    }
    return past;
}

/* Makes the tables of a Huffman code (T.81 annex C): `counts` of codes by length, 1 to 16 bits, then their symbols. */
static int define(struct huffman *h, const uint8_t *counts, const uint8_t *symbols, int is_ac)
{
    unsigned code = 0;
    memset(h, 0, sizeof *h);
    for (int length = 1; length <= 16; length++, code <<= 1)
        for (int i = 0; i < counts[length - 1]; i++, code++) {
            if ((code + 1) >> length || (!is_ac && *symbols > 15)) /* a code of ones alone is none, either */
                return 0;
            for (unsigned j = code << (16 - length); j < (code + 1) << (16 - length); j++)
                h->code[j] = (uint16_t)(length << 8 | *symbols);
            symbols++;
        }
    for (unsigned window = 0; window < 1u << LOOKUP_BITS; window++) {
        h->coefficient[window] = first_coefficient(h, window, is_ac);
        if (is_ac)
            h->skip[window] = all_that_begin(h, window);
    }
    return 1;
}

/* ---------------------------------------------------------------- blocks */

/* The next coefficient. Its bits are 0 if there is none. */
INLINE struct coefficient take_coefficient(struct reader *r, const struct huffman *h, int is_ac)
{
    struct coefficient found = h->coefficient[r->bits >> (64 - LOOKUP_BITS)];
    if (__builtin_expect(found.bits != 0, 1)) {
        drop(r, found.bits);
        return found;
    }
    unsigned code = h->code[r->bits >> 48];
    if (!is_symbol(code, is_ac))
        return found;
    int size = code & 15;
    drop(r, (int)(code >> 8));
    found.bits = (uint8_t)(code >> 8);
    found.run = is_ac && !(code & 255) ? END_OF_BLOCK : (uint8_t)(code >> 4 & 15);
    found.value = (int16_t)extend(size ? (unsigned)(r->bits >> (64 - size)) : 0, size);
    drop(r, size);
    return found;
}

/* Reads one block: its coefficients up to `last`, dequantized, to their `places`. 0 if there is a fault in it. */
INLINE int read_block(
    const struct decoder *d, struct reader *r, struct component *c, int last, const uint8_t *places, int32_t *into)
{
    const int32_t *quantization = d->quantization[c->quantization];
    const struct huffman *ac = &d->ac[c->ac];

    look_ahead(r);
    struct coefficient found = take_coefficient(r, &d->dc[c->dc], 0);
    c->before += found.value;
    if (!found.bits || c->before < INT16_MIN || c->before > INT16_MAX)
        return 0;
    into[0] = c->before * quantization[0];

    int k = 1;
    while (k <= last) {
        if (r->count < 32)
            look_ahead(r);
        found = take_coefficient(r, ac, 1);
        if (!found.bits)
            return 0;
        if (found.run == END_OF_BLOCK)
            return 1;
        k += found.run;
        if (k > 63)
            return 0;
        if (k <= last)
            into[places[k]] = found.value * quantization[k];
        k++;
    }
    while (k < 64) {
        if (r->count < 32)
            look_ahead(r);
        struct skip past = ac->skip[r->bits >> (64 - LOOKUP_BITS)];
        if (__builtin_expect(past.bits && k + past.coefficients <= 64, 1)) {
            drop(r, past.bits);
            k = past.ends ? 64 : k + past.coefficients;
        } else { /* a long code, or the block is full before the last of them */
            found = take_coefficient(r, ac, 1);
            if (!found.bits)
                return 0;
            if (found.run == END_OF_BLOCK)
                return 1;
            k += found.run + 1;
            if (k > 64)
                return 0;
        }
    }
    return 1;
}

static inline uint8_t to_byte(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static inline void one_pixel(const int32_t c[17], uint8_t *out)
{
    *out = to_byte(((c[0] + 4) >> 3) + 128);
}

static inline void two_by_two(const int32_t c[17], uint8_t *out, size_t stride)
{
    int mean = c[0] + 4 + 8 * 128, across = c[1], down = c[4], both = c[5];
    out[0] = to_byte((mean + across + down + both) >> 3);
    out[1] = to_byte((mean - across + down - both) >> 3);
    out[stride] = to_byte((mean + across - down - both) >> 3);
    out[stride + 1] = to_byte((mean - across - down + both) >> 3);
}

typedef float lanes __attribute__((vector_size(16)));
typedef int32_t integers __attribute__((vector_size(16)));
typedef uint8_t bytes __attribute__((vector_size(4)));

/* `side` by `side` pixels, 3 or 4; four lanes in both, the fourth of which may be idle. */
INLINE void larger(const float basis[4][4], int side, const int32_t c[17], uint8_t *out, size_t stride)
{
    lanes wave[4], row[4];
    memcpy(wave, basis, sizeof wave);
    for (int v = 0; v < side; v++) {
        row[v] = wave[0] * (float)c[4 * v];
        for (int u = 1; u < side; u++)
            row[v] += wave[u] * (float)c[4 * v + u];
    }
    for (int y = 0; y < side; y++) {
        lanes sum = row[0] * basis[0][y] + 128.5f;
        for (int v = 1; v < side; v++)
            sum += row[v] * basis[v][y];
        integers value = __builtin_convertvector(sum, integers);
        value &= ~(value >> 31);
        value = (value | (value > 255)) & 255;
        bytes four = __builtin_convertvector(value, bytes);
        memcpy(out + (size_t)y * stride, &four, (size_t)side);
    }
}

INLINE void draw_block(const struct decoder *d, int scale, const int32_t c[17], uint8_t *out, size_t stride)
{
    if (scale == 1)
        one_pixel(c, out);
    else if (scale == 2)
        two_by_two(c, out, stride);
    else
        larger(d->basis[scale], scale, c, out, stride);
}

/* One block of `c`, as `scale` by `scale` pixels at `out`. */
INLINE int decode_block(const struct decoder *d, struct reader *r, struct component *c, int scale, uint8_t *out)
{
    int32_t into[17] = {0};
    if (!read_block(d, r, c, LAST[scale], PLACE, into))
        return 0;
    draw_block(d, scale, into, out, c->stride);
    return 1;
}

/* The scale of colours that have half of the luma's samples, where there is one that makes up for it. */
INLINE int doubled(int scale)
{
    return 2 * scale <= MAX_SCALE ? 2 * scale : scale;
}

/*
 * The lowest coefficients that a block would have if its last samples of the picture were repeated up to its edge.
 *
 * Encoders may fill the last blocks with anything (T.81 A.2.4), and some with green. Reduced, that would be seen at the
 * picture's edge. Inverse DCT, repetition and DCT are one matrix, d->rim, by how many samples are the picture's.
 */
static void fold(const struct decoder *d, int wide, int high, const int32_t all[64], int32_t into[17])
{
    for (int v = 0; v < MAX_SCALE; v++)
        for (int u = 0; u < MAX_SCALE; u++) {
            float sum = 0;
            for (int j = 0; j < 8; j++)
                for (int i = 0; i < 8; i++)
                    sum += d->rim[high][v][j] * d->rim[wide][u][i] * (float)all[8 * j + i];
            into[4 * v + u] = (int32_t)lrintf(sum);
        }
}

static int picture_samples(int of, size_t block)
{
    long left = of - 8 * (long)block;
    return left >= 1 && left < 8 ? (int)left : 8; /* a block behind the edge is not shown, whatever is in it */
}

/* `decode_block` for the last of a row and those of the last row: block `across` and `down` of the component. */
static int decode_rim_block(
    const struct decoder *d, struct reader *r, struct component *c, size_t across, size_t down, uint8_t *out)
{
    int32_t all[64] = {0}, into[17];
    if (!read_block(d, r, c, 63, NATURAL, all))
        return 0;
    fold(d, picture_samples(c->width, across), picture_samples(c->height, down), all, into);
    draw_block(d, c->scale, into, out, c->stride);
    return 1;
}

/* `scale` and `is_rim` are constants to the compiler, which makes a function of its own of each. */
INLINE int decode_mcu(struct decoder *d, int scale, int is_rim, size_t row, size_t column)
{
    if (d->limit - d->reader.next < MARGIN_BYTES && !d->complete)
        fill(d);
    struct reader r = d->reader;
    for (struct component *c = d->component; c < d->component + d->components; c++)
        for (int y = 0; y < c->down; y++)
            for (int x = 0; x < c->across; x++) {
                size_t across = column * (size_t)c->across + (size_t)x, down = row * (size_t)c->down + (size_t)y;
                uint8_t *out = c->band + (size_t)(y * c->scale) * c->stride + across * (size_t)c->scale;
                int fine = is_rim              ? decode_rim_block(d, &r, c, across, down, out)
                           : c->scale == scale ? decode_block(d, &r, c, scale, out)
                                               : decode_block(d, &r, c, doubled(scale), out);
                if (!fine)
                    return 0;
            }
    d->reader = r;
    return left_bits(d) >= 0; /* what is behind the end are zeros, no more of them than one MCU takes */
}

/* The end of a segment of coded data: nothing may be left but the bits that fill the last byte. */
static int is_over(struct decoder *d)
{
    if (!d->complete)
        fill(d);
    return d->complete && left_bits(d) >= 0 && left_bits(d) < 8;
}

static int restart(struct decoder *d, size_t number)
{
    if (!is_over(d) || d->end - d->at < 2 || d->at[1] != 0xD0 + (number & 7))
        return 0;
    d->at += 2;
    start_segment(d);
    return 1;
}

/* One row of MCUs. `scale` is a constant to the compiler. */
INLINE int decode_row_at(struct decoder *d, int scale, size_t row)
{
    for (size_t column = 0; column < d->mcus_across; column++) {
        size_t done = row * d->mcus_across + column;
        int is_rim = row == d->mcus_down - 1 || column == d->mcus_across - 1;
        if (d->restart_interval && done && done % d->restart_interval == 0)
            if (!restart(d, done / d->restart_interval - 1))
                return 0;
        if (!(is_rim ? decode_mcu(d, scale, 1, row, column) : decode_mcu(d, scale, 0, row, column)))
            return 0;
    }
    return 1;
}

static int decode_row(struct decoder *d, int scale, size_t row)
{
    switch (scale) {
    case 1: return decode_row_at(d, 1, row);
    case 2: return decode_row_at(d, 2, row);
    case 3: return decode_row_at(d, 3, row);
    default: return decode_row_at(d, 4, row);
    }
}

/* ---------------------------------------------------------------- pixels */

/* YCbCr to RGBX (ITU-T T.871, 7), in fixed point of 14 bits: factors of 16 bits are what processors multiply fast. */
static void to_rgbx(
    const uint8_t *restrict luma, const uint8_t *restrict blue, const uint8_t *restrict red, size_t width,
    uint8_t *restrict out)
{
    for (size_t x = 0; x < width; x++) {
        int16_t cb = (int16_t)(blue[x] - 128), cr = (int16_t)(red[x] - 128);
        int y = (luma[x] << 14) + (1 << 13);
        out[4 * x] = to_byte((y + 22970 * cr) >> 14);
        out[4 * x + 1] = to_byte((y - 5638 * cb - 11700 * cr) >> 14);
        out[4 * x + 2] = to_byte((y + 29032 * cb) >> 14);
        out[4 * x + 3] = 255;
    }
}

/* Line `y` of a band of component `c`, every sample twice where it has but half of them. */
static const uint8_t *whole_line(const struct decoder *d, const struct component *c, int scale, int y)
{
    const uint8_t *restrict samples = c->band + (size_t)(y * c->down * c->scale / (d->down * scale)) * c->stride;
    uint8_t *restrict line = c->line;
    if (c->stride == d->line_bytes)
        return samples;
    for (size_t x = 0; x < c->stride; x++)
        line[2 * x] = line[2 * x + 1] = samples[x];
    return line;
}

static void write_line(const struct decoder *d, int scale, int y, size_t width, uint8_t *out)
{
    const uint8_t *samples[3];
    for (int i = 0; i < d->components; i++)
        samples[i] = whole_line(d, &d->component[i], scale, y);
    if (d->components == 1)
        memcpy(out, samples[0], width);
    else
        to_rgbx(samples[0], samples[1], samples[2], width, out);
}

/* ---------------------------------------------------------------- the file */

static int read_quantization(struct decoder *d, const uint8_t *at, const uint8_t *end)
{
    for (; at < end; at += 65) {
        if (end - at < 65 || *at > 3) /* of 8 bits, which is all that baseline has */
            return 0;
        for (int k = 0; k < 64; k++)
            d->quantization[*at][k] = at[1 + k];
        d->quantization_defined[*at] = 1;
    }
    return 1;
}

static int read_huffman(struct decoder *d, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        int kind = *at >> 4, number = *at & 15, symbols = 0;
        if (end - at < 17 || kind > 1 || number > 3 || d->tables++ == MAX_TABLES)
            return 0;
        for (int i = 0; i < 16; i++)
            symbols += at[1 + i];
        if (end - at < 17 + symbols)
            return 0;
        if (!define(kind ? &d->ac[number] : &d->dc[number], at + 1, at + 17, kind))
            return 0;
        at += 17 + symbols;
    }
    return 1;
}

static int read_frame(struct decoder *d, const uint8_t *at, const uint8_t *end)
{
    int blocks = 0;
    if (d->components || end - at < 6 || at[0] != 8)
        return 0;
    d->height = at[1] << 8 | at[2];
    d->width = at[3] << 8 | at[4];
    d->components = at[5];
    if (!d->height || !d->width || (d->components != 1 && d->components != 3) || end - at != 6 + 3 * d->components)
        return 0;
    for (int i = 0; i < d->components; i++) {
        struct component *c = &d->component[i];
        const uint8_t *said = at + 6 + 3 * i;
        c->id = said[0], c->across = said[1] >> 4, c->down = said[1] & 15, c->quantization = said[2];
        if (c->across < 1 || c->across > 2 || c->down < 1 || c->down > 2 || c->quantization > 3)
            return 0;
        blocks += c->across * c->down;
    }
    if (d->components == 1) /* then an MCU is one block, whatever it says (T.81 A.2.2) */
        d->component[0].across = d->component[0].down = 1;
    return blocks <= MAX_MCU_BLOCKS;
}

static int read_scan(struct decoder *d, const uint8_t *at, const uint8_t *end)
{
    int n = d->components;
    if (!n || end - at != 4 + 2 * n || at[0] != n || at[1 + 2 * n] != 0 || at[2 + 2 * n] != 63 || at[3 + 2 * n] != 0)
        return 0;
    for (int i = 0; i < n; i++) {
        struct component *c = &d->component[i];
        c->dc = at[2 + 2 * i] >> 4, c->ac = at[2 + 2 * i] & 15;
        if (at[1 + 2 * i] != c->id || c->dc > 3 || c->ac > 3 || !d->quantization_defined[c->quantization])
            return 0;
    }
    return 1;
}

/* Reads everything in front of the coded data. 0 if that is none of ours. */
static int read_header(struct decoder *d)
{
    if (d->end - d->at < 2 || d->at[0] != 0xFF || d->at[1] != 0xD8)
        return 0;
    d->at += 2;
    for (;;) {
        while (d->end - d->at >= 2 && d->at[0] == 0xFF && d->at[1] == 0xFF)
            d->at++;
        if (d->end - d->at < 4 || d->at[0] != 0xFF)
            return 0;
        int marker = d->at[1], length = d->at[2] << 8 | d->at[3], fine = 1;
        const uint8_t *body = d->at + 4;
        if (length < 2 || d->end - d->at < 2 + length)
            return 0;
        d->at += 2 + length;
        if (marker == 0xDB)
            fine = read_quantization(d, body, d->at);
        else if (marker == 0xC4)
            fine = read_huffman(d, body, d->at);
        else if (marker == 0xC0 || marker == 0xC1)
            fine = read_frame(d, body, d->at);
        else if (marker == 0xDD && length == 4)
                d->restart_interval = (size_t)(body[0] << 8 | body[1]);
        else if (marker == 0xDA)
            return read_scan(d, body, d->at);
        else
            fine = (marker >= 0xE0 && marker <= 0xEF) || marker == 0xFE; /* notes; no other way of coding */
        if (!fine)
            return 0;
    }
}

static int larger_of(int a, int b)
{
    return a > b ? a : b;
}

/* The DCT's basis function `u` at sample `x` of n (T.81 A.3.3), as large as that of a block of 8. */
static float wave(int u, int x, int n)
{
    return (float)(sqrt((u ? 2 : 1) / 8.0) * cos((2 * x + 1) * u * PI / (2 * n)));
}

/* What the header says, in MCUs and in bytes; memory for a row of them. 0 if there is none. */
static int prepare(struct decoder *d, int scale)
{
    for (int i = 0; i < d->components; i++) {
        d->across = larger_of(d->across, d->component[i].across);
        d->down = larger_of(d->down, d->component[i].down);
    }
    d->mcus_across = (size_t)(d->width + 8 * d->across - 1) / (size_t)(8 * d->across);
    d->mcus_down = (size_t)(d->height + 8 * d->down - 1) / (size_t)(8 * d->down);
    d->line_bytes = d->mcus_across * (size_t)(d->across * scale);
    size_t band_bytes = d->line_bytes * (size_t)(d->down * scale);
    d->memory = malloc(3 * (band_bytes + d->line_bytes));
    if (!d->memory)
        return 0;
    for (int i = 0; i < d->components; i++) {
        struct component *c = &d->component[i];
        int is_halved = 2 * c->across == d->across && 2 * c->down == d->down;
        c->scale = is_halved ? doubled(scale) : scale;
        c->width = (d->width * c->across + d->across - 1) / d->across; /* T.81 A.1.1 */
        c->height = (d->height * c->down + d->down - 1) / d->down;
        c->stride = d->mcus_across * (size_t)(c->across * c->scale);
        c->band = d->memory + (size_t)i * (band_bytes + d->line_bytes);
        c->line = c->band + band_bytes;
    }
    for (int n = 3; n <= MAX_SCALE; n++)
        for (int u = 0; u < n; u++)
            for (int x = 0; x < n; x++)
                d->basis[n][u][x] = wave(u, x, n);
    float waves[8][8];
    for (int u = 0; u < 8; u++)
        for (int x = 0; x < 8; x++)
            waves[u][x] = wave(u, x, 8);
    for (int samples = 1; samples <= 8; samples++)
        for (int u = 0; u < MAX_SCALE; u++)
            for (int i = 0; i < 8; i++)
                for (int x = 0; x < 8; x++)
                    d->rim[samples][u][i] += waves[u][x] * waves[i][x < samples ? x : samples - 1];
    return 1;
}

static int decode(struct decoder *d, int scale, uint8_t *pixels, size_t size)
{
    if (!read_header(d))
        return 0;
    size_t width = (size_t)(d->width * scale + 7) / 8, height = (size_t)(d->height * scale + 7) / 8;
    size_t row_bytes = width * (d->components == 1 ? 1 : 4);
    if (size != row_bytes * height || !prepare(d, scale))
        return 0;
    start_segment(d);
    for (size_t row = 0, y = 0; row < d->mcus_down; row++) {
        if (!decode_row(d, scale, row))
            return 0;
        for (int line = 0; line < d->down * scale && y < height; line++, y++)
            write_line(d, scale, line, width, pixels + y * row_bytes);
    }
    return is_over(d) && d->end - d->at >= 2 && d->at[1] == 0xD9;
}

/*
 * Decodes the JPEG in `file` at `scale` eighths of its size, 1 to 4, into `pixels`: ceil(width * scale / 8) by
 * ceil(height * scale / 8) of them, RGBX of 4 bytes each, or grey of one. `size` must be what that takes.
 *
 * Answers 1 if it did, and 0 if it is no file for this decoder; `pixels` may have been written to all the same.
 */
__attribute__((visibility("default")))
int scaled_jpeg(const uint8_t *file, size_t file_size, int scale, uint8_t *pixels, size_t size)
{
    struct decoder *d = scale >= 1 && scale <= MAX_SCALE ? calloc(1, sizeof *d) : NULL;
    if (!d)
        return 0;
    d->at = file, d->end = file + file_size;
    int fine = decode(d, scale, pixels, size);
    free(d->memory);
    free(d);
    return fine;
}
