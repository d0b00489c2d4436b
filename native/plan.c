/* The reader of plans. It checks the frame once: afterwards all accessors stay inside of it. */
#include "gantry.h"

static const struct {
	uint8_t exists, numbers, strings, list, bytes;
} shapes[STEP_LAST + 1] = PLAN_SHAPES;

struct plan_header {
	uint32_t magic, version, length, steps;
};

static bool spans_fit(const struct step *step, bool bytes_last)
{
	uint64_t first = sizeof *step + step->numbers * 8ull + step->strings * 8ull;

	for (uint32_t index = 0; index < step->strings; index++) {
		const struct span *at = span(step, index);
		uint64_t end = (uint64_t)at->offset + at->length;

		if (at->offset < first || end >= step->length || ((const char *)step)[end] != 0)
			return false;
		if (!(bytes_last && index + 1 == step->strings) && memchr(string(step, index), 0, at->length))
			return false;
	}
	return true;
}

static bool step_fits(const struct step *step, uint64_t room)
{
	if (room < sizeof *step || step->length < sizeof *step || step->length > room || step->length % 8)
		return false;
	if (step->op > STEP_LAST || !shapes[step->op].exists || step->numbers != shapes[step->op].numbers)
		return false;
	if (step->strings < shapes[step->op].strings || step->strings > PLAN_MAX_STRINGS)
		return false;
	if (step->strings > shapes[step->op].strings && !shapes[step->op].list)
		return false;
	if (sizeof *step + step->numbers * 8ull + step->strings * 8ull > step->length)
		return false;
	return spans_fit(step, shapes[step->op].bytes);
}

/* `bytes` must be aligned to 8, as a mapping is. */
bool plan_open(struct plan *plan, const void *bytes, size_t length)
{
	const struct plan_header *header = bytes;
	uint64_t at = sizeof *header;

	if (length < sizeof *header || length > PLAN_MAX_BYTES || header->magic != PLAN_MAGIC || header->version != PLAN_VERSION)
		return false;
	if (header->length != length || header->steps > PLAN_MAX_STEPS)
		return false;
	for (uint32_t index = 0; index < header->steps; index++) {
		const struct step *step = (const void *)((const uint8_t *)bytes + at);

		if (at > length || !step_fits(step, length - at))
			return false;
		at += step->length;
	}
	*plan = (struct plan){bytes, (uint32_t)length, header->steps};
	return at == length;
}

/* The step after `step`, the first one for NULL, NULL at the end. */
const struct step *plan_next(const struct plan *plan, const struct step *step)
{
	const uint8_t *next = step ? (const uint8_t *)step + step->length : plan->bytes + sizeof(struct plan_header);

	return next < plan->bytes + plan->length ? (const void *)next : NULL;
}

const struct step *plan_find(const struct plan *plan, unsigned op)
{
	const struct step *step = NULL;

	while ((step = plan_next(plan, step)) && step->op != op)
		;
	return step;
}
