#include "loop/pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "loop/task.h"
#include "loop/waker.h"

struct job_queue {
    struct lki_job *first;
    struct lki_job **last;
};

struct helper {
    struct lki_pool *pool;
    pthread_t thread;
    struct lki_in_hand *shown;
};

struct lki_pool {
    pthread_mutex_t lock;
    pthread_cond_t work_came;
    struct job_queue todo;
    struct job_queue done;
    struct helper helpers[LKI_HELPERS_MAX];
    int helper_count;
    int busy;
    size_t waiting; /* jobs in todo */
    bool closing;
    struct lki_waker waker; /* for each finished job; the loop takes all that there are */
};

static _Thread_local struct lki_job *job_here; /* of a helper */

void lki_job_leave(void)
{
    if (job_here && job_here->leave)
        longjmp(*job_here->leave, 1);
}

static void queue_put(struct job_queue *queue, struct lki_job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
}

static struct lki_job *queue_take_all(struct job_queue *queue)
{
    struct lki_job *first = queue->first;

    queue->first = NULL;
    queue->last = &queue->first;
    return first;
}

static struct lki_job *queue_take(struct job_queue *queue)
{
    struct lki_job *job = queue->first;

    queue->first = job->next;
    if (!queue->first)
        queue->last = &queue->first;
    return job;
}

/* Once the pool is closing, who looked on may have gone. */
static void helper_work(struct helper *helper, struct lki_job *job)
{
    struct lki_pool *pool = helper->pool;

    *helper->shown = job->in_hand;
    pthread_mutex_unlock(&pool->lock);
    job_here = job;
    job->work(job);
    job_here = NULL;
    pthread_mutex_lock(&pool->lock);
    if (!pool->closing)
        helper->shown->step = NULL;
}

static void *thread_main(void *arg)
{
    struct helper *helper = arg;
    struct lki_pool *pool = helper->pool;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct lki_job *job;

        while (!pool->todo.first && !pool->closing)
            pthread_cond_wait(&pool->work_came, &pool->lock);
        if (pool->closing)
            break;
        job = queue_take(&pool->todo);
        pool->waiting--;
        pool->busy++;
        helper_work(helper, job);
        pool->busy--;
        queue_put(&pool->done, job);
        lki_waker_wake(&pool->waker);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void on_jobs_done(struct lki_waker *waker)
{
    struct lki_pool *pool = LKI_CONTAINER(waker, struct lki_pool, waker);
    struct lki_job *job;

    pthread_mutex_lock(&pool->lock);
    job = queue_take_all(&pool->done);
    pthread_mutex_unlock(&pool->lock);
    while (job) {
        struct lki_job *next = job->next;

        lki_outside_end(waker->io.loop, &job->outside);
        job->on_done(job);
        job = next;
    }
}

static struct lki_pool *pool_new(struct lki_loop *loop)
{
    struct lki_pool *pool = lki_zalloc(sizeof(*pool));

    if (!pool)
        return NULL;
    pool->todo.last = &pool->todo.first;
    pool->done.last = &pool->done.first;
    if (lki_waker_open(&pool->waker, loop, on_jobs_done)) {
        free(pool);
        return NULL;
    }
    for (int i = 0; i < LKI_HELPERS_MAX; i++)
        pool->helpers[i] = (struct helper){.pool = pool, .shown = &loop->shown->helpers[i]};
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work_came, NULL);
    return pool;
}

static bool thread_add(struct lki_pool *pool)
{
    struct helper *helper = &pool->helpers[pool->helper_count];
    bool made = lki_thread_start(&helper->thread, thread_main, helper);

    pool->helper_count += made;
    return made;
}

/* Whether there are fewer free threads than jobs, with one more: a thread that was woken for a job
 * and has not taken it yet is not free for another. */
static bool thread_wanted(const struct lki_pool *pool)
{
    return pool->helper_count < LKI_HELPERS_MAX &&
           pool->waiting + 1 > (size_t)(pool->helper_count - pool->busy);
}

enum lk_err lki_pool_submit(struct lki_loop *loop, struct lki_job *job)
{
    struct lki_pool *pool = loop->pool ? loop->pool : pool_new(loop);
    enum lk_err err = LK_OK;

    if (!pool)
        return LK_E_SYSTEM;
    loop->pool = pool;
    pthread_mutex_lock(&pool->lock);
    if (thread_wanted(pool) && !thread_add(pool) && !pool->helper_count)
        err = LK_E_SYSTEM;
    if (!err) {
        job->in_hand = loop->current ? loop->current->in_hand : (struct lki_in_hand){0};
        queue_put(&pool->todo, job);
        pool->waiting++;
        pthread_cond_signal(&pool->work_came);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!err)
        lki_outside_begin(loop, &job->outside);
    return err;
}

/* Each one's place is filled in by the time that it has work. */
const struct lki_in_hand *lki_pool_in_hand(const struct lki_pool *pool)
{
    for (int i = 0; pool && i < pool->helper_count; i++) {
        if (pthread_equal(pool->helpers[i].thread, pthread_self()))
            return pool->helpers[i].shown;
    }
    return NULL;
}

static void drop_jobs(struct lki_job *job)
{
    while (job) {
        struct lki_job *next = job->next;

        if (job->on_dropped)
            job->on_dropped(job);
        job = next;
    }
}

bool lki_pool_close(struct lki_pool *pool)
{
    struct lki_job *todo;
    struct lki_job *done;
    int busy;

    if (!pool)
        return true;
    lki_waker_stop(&pool->waker);
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    busy = pool->busy;
    todo = queue_take_all(&pool->todo);
    done = queue_take_all(&pool->done);
    pthread_cond_broadcast(&pool->work_came);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->helper_count; i++) {
        if (busy)
            pthread_detach(pool->helpers[i].thread);
        else
            pthread_join(pool->helpers[i].thread, NULL);
    }
    drop_jobs(todo);
    drop_jobs(done);
    if (busy)
        return false;
    lki_waker_close(&pool->waker);
    pthread_cond_destroy(&pool->work_came);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    return true;
}
