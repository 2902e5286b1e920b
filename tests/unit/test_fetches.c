#include "fs/fetches.h"
#include "tests/unit/test.h"

#include <pthread.h>

static void fetches_freep(struct fetches **f)
{
	fetches_free(*f);
}

TEST(whoever_waits_for_the_same_waits_for_one_fetching)
{
	AUTO(fetches_freep) struct fetches *f = NULL;
	int who[4];
	void *got;
	int n = 0;

	CHECK_EQ(fetches_new(&f), 0);
	CHECK_EQ(fetches_add(f, 7, &who[0]), 0);
	CHECK_EQ(fetches_add(f, 7, &who[1]), 0);
	CHECK_EQ(fetches_add(f, 9, &who[2]), 0);
	CHECK_EQ(fetches_next(f), 7);
	/* Also who comes while it goes on. */
	CHECK_EQ(fetches_add(f, 7, &who[3]), 0);
	CHECK_EQ(fetches_next(f), 9);
	CHECK(!fetches_waiter(f, 7));
	fetches_over(f, 7, NULL);
	while ((got = fetches_waiter(f, 7))) {
		CHECK(got == &who[0] || got == &who[1] || got == &who[3]);
		n++;
	}
	CHECK_EQ(n, 3);
	fetches_over(f, 9, NULL);
	CHECK(fetches_waiter(f, 9) == &who[2]);
	CHECK(!fetches_waiter(f, 9));
}

TEST(who_comes_after_a_fetching_has_one_of_his_own)
{
	AUTO(fetches_freep) struct fetches *f = NULL;
	int who[2];

	CHECK_EQ(fetches_new(&f), 0);
	CHECK_EQ(fetches_add(f, 7, &who[0]), 0);
	CHECK_EQ(fetches_next(f), 7);
	fetches_over(f, 7, "no");
	CHECK_EQ(fetches_add(f, 7, &who[1]), 0);
	CHECK(fetches_waiter(f, 7) == &who[0]);
	CHECK(!fetches_waiter(f, 7));
	CHECK_EQ(fetches_next(f), 7);
	fetches_over(f, 7, NULL);
	CHECK(fetches_waiter(f, 7) == &who[1]);
}

TEST(a_waiter_is_given_out_once_or_taken_back)
{
	AUTO(fetches_freep) struct fetches *f = NULL;
	int who[2];

	CHECK_EQ(fetches_new(&f), 0);
	CHECK_EQ(fetches_add(f, 7, &who[0]), 0);
	CHECK_EQ(fetches_add(f, 7, &who[1]), 0);
	CHECK(fetches_take_back(f, &who[0]));
	CHECK(!fetches_take_back(f, &who[0]));
	CHECK_EQ(fetches_next(f), 7);
	fetches_over(f, 7, NULL);
	CHECK(fetches_waiter(f, 7) == &who[1]);
	CHECK(!fetches_take_back(f, &who[1]));
}

TEST(what_is_fetched_is_told_and_what_failed_until_it_works)
{
	AUTO(fetches_freep) struct fetches *f = NULL;
	char words[64];
	int who;

	CHECK_EQ(fetches_new(&f), 0);
	CHECK(!fetches_words(f, 7, words, sizeof(words)));
	CHECK_EQ(fetches_add(f, 7, &who), 0);
	CHECK(fetches_words(f, 7, words, sizeof(words)));
	CHECK_STR(words, "fetching 0 %");
	CHECK_EQ(fetches_next(f), 7);
	fetches_moved(f, 7, 50, 200);
	CHECK(fetches_words(f, 7, words, sizeof(words)));
	CHECK_STR(words, "fetching 25 %");
	fetches_over(f, 7, "no network");
	CHECK(fetches_waiter(f, 7) == &who);
	CHECK(!fetches_waiter(f, 7));
	CHECK(fetches_words(f, 7, words, sizeof(words)));
	CHECK_STR(words, "failed: no network");
	/* Of the many that can fail the oldest are forgotten. */
	for (int64_t i = 100; i < 100 + FETCHES_FAILED; i++)
		fetches_over(f, i, "no");
	CHECK(!fetches_words(f, 7, words, sizeof(words)));
	fetches_over(f, 120, NULL);
	CHECK(!fetches_words(f, 120, words, sizeof(words)));
}

static void *wait_for_work(void *f)
{
	return fetches_next(f) ? f : NULL;
}

TEST(at_the_end_nobody_waits_any_more)
{
	AUTO(fetches_freep) struct fetches *f = NULL;
	pthread_t thread;
	void *got;
	int who[2];

	CHECK_EQ(fetches_new(&f), 0);
	CHECK_EQ(pthread_create(&thread, NULL, wait_for_work, f), 0);
	fetches_end(f);
	CHECK_EQ(pthread_join(thread, &got), 0);
	CHECK(!got);
	CHECK_EQ(fetches_add(f, 7, &who[0]), -ECANCELED);
	fetches_free(MOVE(f));

	CHECK_EQ(fetches_new(&f), 0);
	CHECK_EQ(fetches_add(f, 7, &who[0]), 0);
	CHECK_EQ(fetches_add(f, 8, &who[1]), 0);
	fetches_end(f);
	CHECK(fetches_waiter(f, 0));
	CHECK(fetches_waiter(f, 0));
	CHECK(!fetches_waiter(f, 0));
}
