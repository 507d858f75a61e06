"""The tables of the desk's store, step by step: what each version added to the one before. SQL only."""

from __future__ import annotations

# Step n migrates version n to version n + 1. A step that was released is never changed; a new one is added.
STEPS = (
    """
    CREATE TABLE store (id BLOB NOT NULL);
    CREATE TABLE batches (
        row INTEGER PRIMARY KEY, owner BLOB NOT NULL, id BLOB NOT NULL, name TEXT NOT NULL, parallel INTEGER NOT NULL,
        UNIQUE (owner, id)
    );
    CREATE TABLE proofs (row INTEGER PRIMARY KEY, envelope BLOB NOT NULL);
    -- Times are microseconds UTC, 0 for not yet. state: schemas/jobs/states.py. launched: it may have been started. outcome: protobuf.
    CREATE TABLE jobs (
        row INTEGER PRIMARY KEY, owner BLOB NOT NULL, id BLOB NOT NULL, digest BLOB NOT NULL, state INTEGER NOT NULL,
        name TEXT NOT NULL, batch INTEGER, proof INTEGER NOT NULL, spec BLOB NOT NULL,
        launched INTEGER NOT NULL, queued_at INTEGER NOT NULL, started_at INTEGER NOT NULL DEFAULT 0, ended_at INTEGER NOT NULL DEFAULT 0,
        pid INTEGER NOT NULL DEFAULT 0, outcome BLOB, stop TEXT, stop_proof INTEGER
    );
    CREATE UNIQUE INDEX jobs_by_key ON jobs (owner, id);
    CREATE INDEX jobs_alive ON jobs (row) WHERE state < 4;
    CREATE INDEX jobs_by_name ON jobs (name) WHERE name <> '';
    CREATE INDEX jobs_by_batch ON jobs (batch) WHERE batch IS NOT NULL;
    CREATE INDEX jobs_by_start ON jobs (started_at) WHERE started_at > 0;
    -- event: protobuf, without its seq.
    CREATE TABLE events (seq INTEGER PRIMARY KEY, owner BLOB NOT NULL, event BLOB NOT NULL);
    """,
    # Jobs that have ended are dropped now. log_bytes_of reads a stored outcome; see `migrate`.
    """
    -- Ids that are taken though their job is forgotten: a digest of owner and id, see tombstones.py.
    CREATE TABLE tombstones (mark BLOB PRIMARY KEY) WITHOUT ROWID;
    -- Runs of forgotten jobs whose log folders may still be there. With rowids: without them `quick_check` of some versions of SQLite
    -- finds NULL in columns before the key.
    CREATE TABLE leftovers (
        owner BLOB NOT NULL, id BLOB NOT NULL, pid INTEGER NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
        PRIMARY KEY (owner, id)
    );
    ALTER TABLE jobs ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;
    UPDATE jobs SET log_bytes = log_bytes_of(outcome) WHERE state = 4;
    CREATE INDEX jobs_ended ON jobs (ended_at) WHERE state = 4;
    CREATE INDEX jobs_by_proof ON jobs (proof);
    CREATE INDEX jobs_by_stop_proof ON jobs (stop_proof) WHERE stop_proof IS NOT NULL;
    -- One row: how many jobs have ended and are kept, what their logs take, the first event from which on none is missing, and the
    -- highest row of a job that was dropped: numbers are not given twice.
    CREATE TABLE kept (ended INTEGER NOT NULL, log_bytes INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_row INTEGER NOT NULL);
    INSERT INTO kept SELECT count(*), coalesce(sum(log_bytes), 0), coalesce((SELECT min(seq) FROM events), 1), 0 FROM jobs WHERE state = 4;
    """,
    # What a job takes in this file counts towards what is kept: its spec, and its part of what was signed. Of older ones the spec.
    """
    ALTER TABLE jobs ADD COLUMN store_bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE kept ADD COLUMN store_bytes INTEGER NOT NULL DEFAULT 0;
    UPDATE jobs SET store_bytes = length(spec);
    UPDATE kept SET store_bytes = (SELECT coalesce(sum(store_bytes), 0) FROM jobs WHERE state = 4);
    """,
    # Ages count from when something was recorded, on the scale of ages.py; of older ones from their dates. at_us_of reads a stored event.
    """
    ALTER TABLE jobs ADD COLUMN aged_from INTEGER NOT NULL DEFAULT 0;
    UPDATE jobs SET aged_from = ended_at;
    DROP INDEX jobs_ended;
    CREATE INDEX jobs_aged ON jobs (aged_from) WHERE state = 4;
    ALTER TABLE events ADD COLUMN aged_from INTEGER NOT NULL DEFAULT 0;
    UPDATE events SET aged_from = at_us_of(event);
    """,
    # A row tells of one attempt at its job, and what is left over are the log folders of attempts.
    """
    ALTER TABLE jobs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
    CREATE TABLE leftovers_of_attempts (
        owner BLOB NOT NULL, id BLOB NOT NULL, attempt INTEGER NOT NULL, pid INTEGER NOT NULL, started_at INTEGER NOT NULL,
        ended_at INTEGER NOT NULL, PRIMARY KEY (owner, id, attempt)
    );
    INSERT INTO leftovers_of_attempts SELECT owner, id, 1, pid, started_at, ended_at FROM leftovers;
    DROP TABLE leftovers;
    ALTER TABLE leftovers_of_attempts RENAME TO leftovers;
    """,
    # Jobs are found by what they are like, sorted by one of their times; selection.py says which index serves what. ok: whether it ended
    # well, see Outcome.is_failure; NULL while it has not ended. ok_of reads a stored outcome; labels are filled in by `_fill_labels`.
    """
    ALTER TABLE jobs ADD COLUMN ok INTEGER;
    UPDATE jobs SET ok = ok_of(outcome) WHERE state = 4;
    CREATE TABLE labels (
        name TEXT NOT NULL, value TEXT NOT NULL, queued_at INTEGER NOT NULL, job INTEGER NOT NULL, PRIMARY KEY (name, value, queued_at, job)
    );
    CREATE INDEX labels_by_job ON labels (job);
    DROP INDEX jobs_alive;
    DROP INDEX jobs_by_name;
    DROP INDEX jobs_by_batch;
    CREATE INDEX jobs_alive ON jobs (queued_at) WHERE state < 4;
    CREATE INDEX jobs_running ON jobs (queued_at) WHERE state IN (2, 3);
    CREATE INDEX jobs_by_name ON jobs (name, queued_at) WHERE name <> '';
    CREATE INDEX jobs_by_batch ON jobs (batch, queued_at) WHERE batch IS NOT NULL;
    CREATE INDEX jobs_by_owner ON jobs (owner, queued_at);
    CREATE INDEX jobs_by_queue ON jobs (queued_at);
    CREATE INDEX jobs_by_end ON jobs (ended_at) WHERE state = 4;
    CREATE INDEX jobs_failed ON jobs (ended_at) WHERE ok = 0;
    CREATE INDEX batches_by_id ON batches (id);
    CREATE INDEX batches_by_name ON batches (name);
    """,
    # The only job of a name that has not ended is found beside any number of others.
    """
    CREATE INDEX jobs_alive_by_name ON jobs (name, queued_at) WHERE state < 4 AND name <> '';
    """,
    # The job whose spec a rerun was started with: its owner, then its id.
    "ALTER TABLE jobs ADD COLUMN rerun_of BLOB;",
    # A member's jobs and runs of a name are found beside any number of others' that have it.
    """
    DROP INDEX jobs_alive_by_name;
    DROP INDEX batches_by_name;
    CREATE INDEX jobs_alive_by_name ON jobs (owner, name, queued_at) WHERE state < 4 AND name <> '';
    CREATE INDEX jobs_by_name_of_owner ON jobs (owner, name, queued_at) WHERE name <> '';
    CREATE INDEX batches_by_name ON batches (name, owner);
    """,
    # A run knows how many jobs it has and how they ended, and the newest run of a name is found beside any number of others; runs.py.
    """
    ALTER TABLE batches ADD COLUMN jobs INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE batches ADD COLUMN ok INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE batches ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE batches ADD COLUMN queued_at INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE batches ADD COLUMN ended_at INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE batches ADD COLUMN longest TEXT NOT NULL DEFAULT '';
    UPDATE batches SET (jobs, ok, failed, queued_at, ended_at) = (
        SELECT count(*), total(ok = 1), total(ok = 0), coalesce(min(queued_at), 0), coalesce(max(ended_at), 0)
        FROM jobs WHERE batch = batches.row
    );
    UPDATE batches SET longest = coalesce((
        SELECT group_concat(lasted || ' ' || row, ',') FROM (
            SELECT ended_at - started_at AS lasted, row FROM jobs WHERE batch = batches.row AND state = 4 AND started_at > 0
            ORDER BY lasted DESC LIMIT 10
        )
    ), '');
    DROP INDEX batches_by_name;
    CREATE INDEX batches_by_name ON batches (name, queued_at);
    CREATE INDEX batches_by_name_of_owner ON batches (name, owner, queued_at);
    CREATE INDEX jobs_failed_of_run ON jobs (batch, queued_at) WHERE ok = 0 AND batch IS NOT NULL;
    """,
    # Which contents of its owner a job refers to.
    """
    CREATE TABLE files (owner BLOB NOT NULL, digest BLOB NOT NULL, job INTEGER NOT NULL, PRIMARY KEY (owner, digest, job));
    CREATE INDEX files_by_job ON files (job);
    """,
    # What was set beside the spec of a job or the width of a run, and the request for it. held_by: who holds the job, by name; empty if it
    # was submitted so; NULL if nobody does.
    """
    ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN held_by TEXT;
    ALTER TABLE jobs ADD COLUMN change_proof INTEGER;
    ALTER TABLE batches ADD COLUMN change_proof INTEGER;
    CREATE INDEX jobs_by_change_proof ON jobs (change_proof) WHERE change_proof IS NOT NULL;
    CREATE INDEX batches_by_change_proof ON batches (change_proof) WHERE change_proof IS NOT NULL;
    """,
    # In milliseconds, 0: none; NULL: that of the spec counts.
    "ALTER TABLE jobs ADD COLUMN time_limit INTEGER;",
    # What the folder of a job takes counts towards what is kept; it is part of store_bytes. NULL: it was not measured since the job ended.
    """
    ALTER TABLE jobs ADD COLUMN folder_bytes INTEGER DEFAULT 0;
    UPDATE jobs SET folder_bytes = NULL WHERE has_folder(spec);
    CREATE INDEX jobs_unmeasured ON jobs (row) WHERE folder_bytes IS NULL AND state = 4;
    """,
    # Runs are listed, the newest first, of everybody or of one owner.
    """
    CREATE INDEX batches_by_queue ON batches (queued_at);
    CREATE INDEX batches_by_queue_of_owner ON batches (owner, queued_at);
    """,
    # Which job waits for which, see edges.py. condition: conditions.py. failed: why a forgotten job of a group failed, or NULL.
    # on_failure, broken_by: of job.py.
    """
    CREATE TABLE edges (job INTEGER NOT NULL, target INTEGER NOT NULL, condition INTEGER NOT NULL, PRIMARY KEY (job, target)) WITHOUT ROWID;
    CREATE INDEX edges_by_target ON edges (target);
    CREATE TABLE job_groups (row INTEGER PRIMARY KEY, batch INTEGER NOT NULL, name TEXT NOT NULL, upto INTEGER NOT NULL, failed TEXT);
    CREATE INDEX job_groups_by_batch ON job_groups (batch);
    ALTER TABLE batches ADD COLUMN on_failure INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE batches ADD COLUMN broken_by TEXT NOT NULL DEFAULT '';
    """,
    # Most jobs are submitted alone, and their proof is about nothing else: only those that share one are found by it. 1: shared.
    """
    ALTER TABLE jobs ADD COLUMN shares_proof INTEGER;
    UPDATE jobs SET shares_proof = 1 WHERE proof IN (SELECT proof FROM jobs GROUP BY proof HAVING count(*) > 1);
    DROP INDEX jobs_by_proof;
    CREATE INDEX jobs_by_proof ON jobs (proof) WHERE shares_proof IS NOT NULL;
    """,
    # A row of jobs tells of the last attempt; here are those before it. The log_bytes of a job that has ended are of all its attempts.
    # not_before: it does not start before, on the scale of ages.py, 0: none. never_retried: whatever its spec says; its store was rebuilt.
    """
    CREATE TABLE attempts (
        job INTEGER NOT NULL, n INTEGER NOT NULL, pid INTEGER NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
        outcome BLOB NOT NULL, log_bytes INTEGER NOT NULL, PRIMARY KEY (job, n)
    );
    CREATE INDEX attempts_by_start ON attempts (started_at) WHERE started_at > 0;
    ALTER TABLE jobs ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN never_retried INTEGER NOT NULL DEFAULT 0;
    """,
    # The ids of the GPUs that a job was last launched with, with commas. What an operator has set instead of what the worker was started
    # with (schemas/workers/capacity.py), and the request for it.
    """
    ALTER TABLE jobs ADD COLUMN gpus TEXT;
    CREATE TABLE capacity (name TEXT PRIMARY KEY, value TEXT NOT NULL, proof BLOB NOT NULL);
    """,
    # Schedules, and what came of their last times; job: the id of the one that was started, or empty. The rows of files with a negative job
    # are of the schedule with that number. wait_until: when a job starts that waits for a time, on the scale of ages.py.
    """
    CREATE TABLE schedules (
        row INTEGER PRIMARY KEY, owner BLOB NOT NULL, id BLOB NOT NULL, name TEXT NOT NULL, spec BLOB NOT NULL, cron TEXT NOT NULL,
        zone TEXT NOT NULL, overlap INTEGER NOT NULL, missed INTEGER NOT NULL, paused INTEGER NOT NULL, fired_upto INTEGER NOT NULL,
        waiting TEXT NOT NULL, proof BLOB NOT NULL, change_proof BLOB, UNIQUE (owner, id), UNIQUE (owner, name)
    );
    CREATE TABLE firings (row INTEGER PRIMARY KEY, schedule INTEGER NOT NULL, due INTEGER NOT NULL, job BLOB NOT NULL, note TEXT NOT NULL);
    CREATE INDEX firings_by_schedule ON firings (schedule, row);
    ALTER TABLE jobs ADD COLUMN wait_until INTEGER;
    """,
    # The id of the job that started it with its own key, of the same owner; and how many jobs started each other before it.
    """
    ALTER TABLE jobs ADD COLUMN started_by BLOB;
    ALTER TABLE jobs ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX jobs_by_starter ON jobs (started_by, owner, queued_at) WHERE started_by IS NOT NULL;
    """,
    # What a run ends with (on_finish: its spec), whether that was queued, and the request for it. ends_*: how jobs of the run ended, see
    # Ends, whether they were forgotten or not. is_finish: 1 for the job that is the on_finish of its run, else NULL; no run counts it.
    """
    ALTER TABLE batches ADD COLUMN on_finish BLOB;
    ALTER TABLE batches ADD COLUMN is_finished INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE batches ADD COLUMN finish_proof INTEGER;
    ALTER TABLE batches ADD COLUMN ends_ok INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE batches ADD COLUMN ends_failed INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE batches ADD COLUMN ends_cancelled INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE batches ADD COLUMN ends_stopped INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN is_finish INTEGER;
    CREATE INDEX batches_unfinished ON batches (row) WHERE on_finish IS NOT NULL AND is_finished = 0;
    CREATE INDEX batches_by_finish_proof ON batches (finish_proof) WHERE finish_proof IS NOT NULL;
    """,
    # 1: a failure that cancels the rest of its run spares the job, because it cleans up after others; see clean_up.py.
    "ALTER TABLE jobs ADD COLUMN cleans_up INTEGER;",
    # Of a broker: on which worker (key and store) an attempt was placed, which is known before it is sent, and where logs of forgotten
    # jobs are; and which workers get no jobs. Of a worker: which jobs came through which broker (relay), how that names them, and the
    # starts that clients have signed; settled: the broker has recorded the end.
    """
    CREATE TABLE placements (job INTEGER NOT NULL, n INTEGER NOT NULL, machine BLOB NOT NULL, PRIMARY KEY (job, n)) WITHOUT ROWID;
    CREATE TABLE leftover_machines (
        owner BLOB NOT NULL, id BLOB NOT NULL, attempt INTEGER NOT NULL, machine BLOB NOT NULL, PRIMARY KEY (owner, id, attempt)
    );
    CREATE TABLE workers (key BLOB PRIMARY KEY, drained INTEGER NOT NULL);
    CREATE TABLE relayed (
        job INTEGER PRIMARY KEY, relay BLOB NOT NULL, owner BLOB NOT NULL, id BLOB NOT NULL, attempt INTEGER NOT NULL, digest BLOB NOT NULL,
        settled INTEGER NOT NULL DEFAULT 0, UNIQUE (relay, owner, id, attempt)
    );
    CREATE INDEX relayed_unsettled ON relayed (relay) WHERE settled = 0;
    CREATE INDEX relayed_by_start ON relayed (digest);
    CREATE TABLE relayed_starts (digest BLOB PRIMARY KEY, envelope BLOB NOT NULL);
    """,
    # Batches that are staged in parts, see staged_rows.py. proof: that of the commit, NULL before. left: how many jobs are not in the queue
    # yet. aged_from: of the last part, on the scale of ages.py. groups_upto: the last row of a job when the run was committed.
    """
    CREATE TABLE staged_runs (
        row INTEGER PRIMARY KEY, owner BLOB NOT NULL, id BLOB NOT NULL, parts INTEGER NOT NULL DEFAULT 0, jobs INTEGER NOT NULL DEFAULT 0,
        left INTEGER NOT NULL DEFAULT 0, left_bytes INTEGER NOT NULL DEFAULT 0, aged_from INTEGER NOT NULL, proof INTEGER,
        proof_bytes INTEGER NOT NULL DEFAULT 0, groups_upto INTEGER NOT NULL DEFAULT 0, name TEXT NOT NULL DEFAULT '',
        parallel INTEGER NOT NULL DEFAULT 0, on_failure INTEGER NOT NULL DEFAULT 0, is_whole INTEGER NOT NULL DEFAULT 0, UNIQUE (owner, id)
    );
    CREATE INDEX staged_runs_by_proof ON staged_runs (proof);
    -- content: the jobs, NULL once all of them (queued: so many) are in the queue. hashes: of the jobs; hash: of all of them together.
    -- priority, nice: the best of theirs.
    CREATE TABLE staged_parts (
        row INTEGER PRIMARY KEY, run INTEGER NOT NULL, number INTEGER NOT NULL, jobs INTEGER NOT NULL, content BLOB, hashes BLOB NOT NULL,
        hash BLOB NOT NULL, spec_bytes INTEGER NOT NULL, priority INTEGER NOT NULL, nice INTEGER NOT NULL,
        queued INTEGER NOT NULL DEFAULT 0,
        UNIQUE (run, number)
    );
    CREATE TABLE staged_ids (
        owner BLOB NOT NULL, id BLOB NOT NULL, run INTEGER NOT NULL, part INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (owner, id)
    ) WITHOUT ROWID;
    CREATE INDEX staged_ids_by_part ON staged_ids (run, part);
    -- The run of the jobs that wait for the group, if they were staged.
    ALTER TABLE job_groups ADD COLUMN slice_of BLOB NOT NULL DEFAULT x'';
    """,
    # The request for the time limit of a job; a later change of something else has another one.
    """
    ALTER TABLE jobs ADD COLUMN limit_proof INTEGER;
    UPDATE jobs SET limit_proof = change_proof WHERE time_limit IS NOT NULL;
    CREATE INDEX jobs_by_limit_proof ON jobs (limit_proof) WHERE limit_proof IS NOT NULL;
    """,
    # What a member lists by default is found beside any number of others' jobs.
    "CREATE INDEX jobs_alive_of_owner ON jobs (owner, queued_at) WHERE state < 4;",
    # The SHA-256 of signed requests that a broker has brought and that were carried out, until none of them is good any more.
    """
    CREATE TABLE carried_out (digest BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
    """,
    # Which jobs of the parts of a run clean up, until they are in the queue.
    """
    CREATE TABLE staged_clean_up (
        run INTEGER NOT NULL, part INTEGER NOT NULL, job BLOB NOT NULL, name TEXT NOT NULL, PRIMARY KEY (run, job)
    ) WITHOUT ROWID;
    """,
    # When a job ends if it still waits, on the scale of ages.py.
    "ALTER TABLE jobs ADD COLUMN expires INTEGER;",
    # Of a broker that grows: its queues (settings: a GrowthQueue; why: why the broker has paused it; failures: allocations in a row that
    # ended before their workers joined; shape: what the last worker from there had), and the allocations that have not ended, or whose
    # workers still have jobs (token: the temporary key of the invitation); and names of workers that do not come back.
    """
    CREATE TABLE growth_queues (
        name TEXT PRIMARY KEY, settings BLOB NOT NULL, proof BLOB NOT NULL, paused INTEGER NOT NULL, why TEXT NOT NULL,
        failures INTEGER NOT NULL, shape TEXT NOT NULL, removed INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE allocations (
        name TEXT PRIMARY KEY, queue TEXT NOT NULL, cluster_id TEXT NOT NULL, state INTEGER NOT NULL, asked_at INTEGER NOT NULL,
        token BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE departed_workers (key BLOB PRIMARY KEY, name TEXT NOT NULL, left_at INTEGER NOT NULL) WITHOUT ROWID;
    """,
    # Attempts that have ended and whose output is still to be hashed, and the hashes of parts of longer logs; see hash_rows.py.
    """
    CREATE TABLE unhashed (job INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (job, n)) WITHOUT ROWID;
    CREATE TABLE log_hashes (job INTEGER NOT NULL, n INTEGER NOT NULL, stdout BLOB NOT NULL, stderr BLOB NOT NULL, PRIMARY KEY (job, n));
    """,
    # For which time a schedule has started a job; what came of the times themselves is kept only of the last. The index is for this step
    # only: without it, all of them would be read for each job.
    """
    ALTER TABLE jobs ADD COLUMN due INTEGER;
    CREATE INDEX firings_by_job ON firings (job);
    UPDATE jobs SET due = (SELECT firings.due FROM firings WHERE job = jobs.id)
        WHERE id IN (SELECT job FROM firings WHERE job <> x'');
    DROP INDEX firings_by_job;
    """,
    # Whether a job has ended is told by `ok`, which its start does not set: SQLite writes an index again when a column of its condition is
    # set, whatever to.
    """
    UPDATE jobs SET ok = 0 WHERE state = 4 AND ok IS NULL;
    DROP INDEX jobs_alive;
    DROP INDEX jobs_alive_of_owner;
    DROP INDEX jobs_alive_by_name;
    CREATE INDEX jobs_alive ON jobs (queued_at) WHERE ok IS NULL;
    CREATE INDEX jobs_alive_of_owner ON jobs (owner, queued_at) WHERE ok IS NULL;
    CREATE INDEX jobs_alive_by_name ON jobs (owner, name, queued_at) WHERE ok IS NULL AND name <> '';
    """,
    # Schedules of batches, see template_rows.py. batch: a Batch, empty if the schedule has one job. schedule: of a batch that was staged
    # for a schedule, the row of that, 0 before it is there and -1 after it is gone. template, due, at_part, at_job: of a run that a
    # schedule has started, the row of that batch, the time that was meant, and how far it is in the queue. claims: the positions of jobs
    # of a part, one of each kind that takes the same.
    """
    ALTER TABLE schedules ADD COLUMN batch BLOB NOT NULL DEFAULT x'';
    ALTER TABLE staged_runs ADD COLUMN schedule INTEGER;
    ALTER TABLE staged_runs ADD COLUMN template INTEGER;
    ALTER TABLE staged_runs ADD COLUMN due INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE staged_runs ADD COLUMN at_part INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE staged_runs ADD COLUMN at_job INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE staged_parts ADD COLUMN claims TEXT NOT NULL DEFAULT '';
    CREATE INDEX staged_runs_by_template ON staged_runs (template) WHERE template IS NOT NULL;
    CREATE INDEX staged_runs_by_schedule ON staged_runs (schedule) WHERE schedule IS NOT NULL;
    """,
    # Of a broker: workers that were removed while they had jobs, and were not told yet; proof: the request for it.
    """
    CREATE TABLE removed_workers (key BLOB PRIMARY KEY, name TEXT NOT NULL, proof BLOB NOT NULL, removed_at INTEGER NOT NULL) WITHOUT ROWID;
    """,
    # Which jobs those of a part run again, see schemas/batches/parts.py; empty: none does.
    "ALTER TABLE staged_parts ADD COLUMN reruns BLOB NOT NULL DEFAULT x'';",
)
