-- A database as the older systems left it: their own definitions, and rows of every state.
CREATE TABLE contents (
  id TEXT PRIMARY KEY, user_id TEXT, type TEXT, format TEXT, title TEXT, content TEXT, status TEXT, progress INTEGER,
  video_path TEXT, thumbnail_path TEXT, published INTEGER DEFAULT 0, youtube_url TEXT, error TEXT, task_id TEXT,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP, updated_at DATETIME DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE tasks (
  id TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  type TEXT NOT NULL CHECK(type IN ('shortform', 'longform', 'product')),
  user_id TEXT,
  product_info TEXT,
  settings TEXT,
  youtube_url TEXT,
  last_error TEXT,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  updated_at DATETIME DEFAULT CURRENT_TIMESTAMP
);
ALTER TABLE tasks ADD COLUMN content_id TEXT REFERENCES contents(id);
CREATE TABLE task_schedules (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id TEXT NOT NULL REFERENCES tasks(id),
  scheduled_time DATETIME,
  repeat_type TEXT CHECK(repeat_type IN ('once', 'daily', 'weekly', 'monthly')),
  repeat_config TEXT,
  next_run_at DATETIME,
  is_active INTEGER DEFAULT 1,
  channel_setting_id TEXT,
  youtube_privacy TEXT DEFAULT 'public',
  youtube_publish_time DATETIME,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (task_id) REFERENCES tasks(id)
);
CREATE TABLE task_queue (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id TEXT NOT NULL REFERENCES tasks(id),
  schedule_id INTEGER REFERENCES task_schedules(id),
  queue_type TEXT NOT NULL CHECK(queue_type IN ('schedule', 'script', 'image', 'video', 'youtube')),
  status TEXT NOT NULL CHECK(status IN ('waiting', 'processing', 'completed', 'failed')),
  retry_count INTEGER DEFAULT 0,
  max_retry INTEGER DEFAULT 3,
  next_retry_at DATETIME,
  error_message TEXT,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  updated_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  completed_at DATETIME,
  FOREIGN KEY (task_id) REFERENCES tasks(id)
);
CREATE INDEX idx_task_queue_status ON task_queue(queue_type, status);
CREATE INDEX idx_task_queue_task_id ON task_queue(task_id);
CREATE INDEX idx_task_queue_retry ON task_queue(status, next_retry_at);
CREATE TABLE task_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id TEXT NOT NULL REFERENCES tasks(id),
  queue_id INTEGER REFERENCES task_queue(id),
  level TEXT CHECK(level IN ('info', 'warn', 'error')),
  message TEXT NOT NULL,
  metadata TEXT,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_task_logs_task_id ON task_logs(task_id);
CREATE TABLE scheduler_lock (lock_name TEXT PRIMARY KEY, locked_at DATETIME, locked_by TEXT, expires_at DATETIME);
CREATE TABLE job_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id TEXT NOT NULL,
  log_message TEXT NOT NULL,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_job_logs_job_id ON job_logs(job_id);
CREATE TABLE node_execution_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  execution_id TEXT,
  script_id INTEGER,
  node_id TEXT,
  node_type TEXT,
  node_name TEXT,
  status TEXT NOT NULL,
  started_at TEXT,
  finished_at TEXT,
  execution_time_ms INTEGER,
  parameters TEXT,
  result TEXT,
  error_message TEXT,
  error_traceback TEXT
);
CREATE INDEX idx_node_logs_execution_id ON node_execution_logs(execution_id);
CREATE INDEX idx_node_logs_script_id ON node_execution_logs(script_id);
CREATE INDEX idx_node_logs_status ON node_execution_logs(status);
CREATE INDEX idx_node_logs_started_at ON node_execution_logs(started_at);
CREATE TABLE log_stats (
  id INTEGER PRIMARY KEY, total INTEGER DEFAULT 0, completed INTEGER DEFAULT 0, failed INTEGER DEFAULT 0,
  average_execution_time REAL DEFAULT 0
);
CREATE TABLE dashboard_stats (
  id INTEGER PRIMARY KEY, all_executions INTEGER DEFAULT 0, all_failed_scripts INTEGER DEFAULT 0
);

-- A task for each queue in each state; two of a queue are `processing`, as a crash leaves them.
WITH queues(name) AS (VALUES ('schedule'), ('script'), ('image'), ('video'), ('youtube')),
  states(name) AS (VALUES ('waiting'), ('processing'), ('completed'), ('failed'))
INSERT INTO tasks (id, title, type, settings)
SELECT queues.name || '-' || states.name, '옛 작업', 'shortform', '{"mediaMode": "crawl"}' FROM queues, states;
INSERT INTO task_queue (task_id, queue_type, status, completed_at)
SELECT id, substr(id, 1, instr(id, '-') - 1), substr(id, instr(id, '-') + 1),
  CASE WHEN id LIKE '%-completed' THEN CURRENT_TIMESTAMP END FROM tasks;
INSERT INTO tasks (id, title, type) VALUES ('second', '둘째', 'longform'), ('retried', '다시', 'product');
INSERT INTO task_queue (task_id, queue_type, status) VALUES ('second', 'script', 'processing');
INSERT INTO task_queue (task_id, queue_type, status, retry_count, next_retry_at, error_message)
VALUES ('retried', 'video', 'waiting', 2, datetime('now', '-1 minute'), 'FFmpeg timeout');
UPDATE tasks SET last_error = 'FFmpeg timeout' WHERE id LIKE '%-failed';
INSERT INTO tasks (id, title, type) VALUES
  ('late', '지난', 'shortform'), ('future', '나중', 'shortform'), ('off', '꺼진', 'shortform'), ('monthly', '매월', 'shortform');
INSERT INTO task_schedules (task_id, scheduled_time, repeat_type, next_run_at, is_active) VALUES
  ('late', datetime('now', '-3 days'), 'daily', NULL, 1),
  ('future', '2999-01-01T00:00:00.000Z', 'once', NULL, 1),
  ('off', NULL, 'weekly', NULL, 0),
  ('monthly', '2020-01-31 09:00:00', 'monthly', '2999-02-28T09:00:00.000Z', 1);
INSERT INTO contents (id, type, title, status, task_id) VALUES ('c-1', 'script', '대본', 'completed', 'script-completed');
UPDATE tasks SET content_id = 'c-1' WHERE id = 'script-completed';
INSERT INTO task_logs (task_id, queue_id, level, message) SELECT task_id, id, 'info', '🖼️ 옛 로그' FROM task_queue;
INSERT INTO scheduler_lock VALUES ('main_scheduler', datetime('now', '-1 hour'), '4711', datetime('now', '-59 minutes'));
INSERT INTO job_logs (job_id, log_message) VALUES ('job_1', '🚀 작업 시작'), ('job_1', '🎉 작업 완료');
INSERT INTO node_execution_logs (execution_id, script_id, node_id, status, started_at, finished_at, execution_time_ms) VALUES
  ('old', 1, 'a', 'completed', '2025-01-01T00:00:00', '2025-01-01T00:00:01', 1000),
  ('old', 1, 'b', 'failed', '2025-01-01T00:00:01', '2025-01-01T00:00:02', 1000),
  ('old', 1, 'c', 'running', '2025-01-01T00:00:02', NULL, NULL),
  (NULL, NULL, NULL, 'completed', '2025-01-01T00:00:03', NULL, NULL);
INSERT INTO log_stats VALUES (1, 1, 2, 1, 1000);
INSERT INTO dashboard_stats VALUES (1, 40, 2);
