/* libFuzzer target: whatever plan_open() accepts, every accessor must stay inside of the bytes. */
#include <stdlib.h>

#include "../gantry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan plan;
	uint64_t *bytes = malloc(size ? size : 1);
	volatile uint64_t sum = 0;

	memcpy(bytes, data, size);
	if (plan_open(&plan, bytes, size)) {
		sum += plan_find(&plan, STEP_SUPERVISE) != NULL;
		for (const struct step *step = plan_next(&plan, NULL); step; step = plan_next(&plan, step)) {
			for (unsigned index = 0; index < step->numbers; index++)
				sum += number(step, index);
			for (unsigned index = 0; index < step->strings; index++)
				sum += strlen(string(step, index)) + span(step, index)->length + (uint8_t)string(step, index)[span(step, index)->length];
		}
	}
	free(bytes);
	return 0;
}
