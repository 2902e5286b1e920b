#include "src/flow/budget.h"

/* What may come at once by now. */
static int64_t credit_at(const struct budget *b, int64_t now_ms)
{
	int64_t passed = max_i64(0, now_ms - b->at_ms);

	if (!b->at_ms || passed >= (BUDGET_BURST - b->credit) / (BUDGET_RATE / 1000))
		return BUDGET_BURST;
	return b->credit + passed * (BUDGET_RATE / 1000);
}

bool budget_take(struct budget *b, size_t n, int64_t now_ms)
{
	int64_t bytes = (int64_t)n + BUDGET_ENTRY;

	b->credit = credit_at(b, now_ms) - bytes;
	b->at_ms = now_ms;
	if (b->max_bytes && b->kept + bytes > b->max_bytes) {
		b->left_lines++;
		b->left_bytes += (int64_t)n;
		return false;
	}
	b->kept += bytes;
	return true;
}

int64_t budget_wait(const struct budget *b, int64_t now_ms)
{
	int64_t credit = credit_at(b, now_ms);

	return credit >= 0 ? 0 : 1 + -credit / (BUDGET_RATE / 1000);
}
