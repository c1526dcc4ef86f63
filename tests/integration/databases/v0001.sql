-- A database as schema 0001 left it, written by the version that introduced it: lines of a numbered producer in two chunks,
-- a task that has ended, one that a worker's report ended on Otto's wire, a stage of a pipeline, and rows of job_logs.
BEGIN TRANSACTION;
CREATE TABLE job_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id TEXT NOT NULL,
  log_message TEXT NOT NULL,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO "job_logs" VALUES(1,'build-1','[  1] CC build/objects/module_001.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(2,'build-1','[  2] CC build/objects/module_002.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(3,'build-1','[  3] CC build/objects/module_003.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(4,'build-1','[  4] CC build/objects/module_004.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(5,'build-1','[  5] CC build/objects/module_005.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(6,'build-1','[  6] CC build/objects/module_006.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(7,'build-1','[  7] CC build/objects/module_007.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(8,'build-1','[  8] CC build/objects/module_008.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(9,'build-1','[  9] CC build/objects/module_009.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(10,'build-1','[ 10] CC build/objects/module_010.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(11,'build-1','[ 11] CC build/objects/module_011.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(12,'build-1','[ 12] CC build/objects/module_012.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(13,'build-1','[ 13] CC build/objects/module_013.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(14,'build-1','[ 14] CC build/objects/module_014.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(15,'build-1','[ 15] CC build/objects/module_015.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(16,'build-1','[ 16] CC build/objects/module_016.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(17,'build-1','[ 17] CC build/objects/module_017.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(18,'build-1','[ 18] CC build/objects/module_018.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(19,'build-1','[ 19] CC build/objects/module_019.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(20,'build-1','[ 20] CC build/objects/module_020.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(21,'build-1','[ 21] CC build/objects/module_021.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(22,'build-1','[ 22] CC build/objects/module_022.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(23,'build-1','[ 23] CC build/objects/module_023.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(24,'build-1','[ 24] CC build/objects/module_024.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(25,'build-1','[ 25] CC build/objects/module_025.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(26,'build-1','[ 26] CC build/objects/module_026.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(27,'build-1','[ 27] CC build/objects/module_027.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(28,'build-1','[ 28] CC build/objects/module_028.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(29,'build-1','[ 29] CC build/objects/module_029.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(30,'build-1','[ 30] CC build/objects/module_030.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(31,'build-1','[ 31] CC build/objects/module_031.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(32,'build-1','[ 32] CC build/objects/module_032.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(33,'build-1','[ 33] CC build/objects/module_033.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(34,'build-1','[ 34] CC build/objects/module_034.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(35,'build-1','[ 35] CC build/objects/module_035.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(36,'build-1','[ 36] CC build/objects/module_036.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(37,'build-1','[ 37] CC build/objects/module_037.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(38,'build-1','[ 38] CC build/objects/module_038.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(39,'build-1','[ 39] CC build/objects/module_039.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(40,'build-1','[ 40] CC build/objects/module_040.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(41,'build-1','[ 41] CC build/objects/module_041.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(42,'build-1','[ 42] CC build/objects/module_042.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(43,'build-1','[ 43] CC build/objects/module_043.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(44,'build-1','[ 44] CC build/objects/module_044.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(45,'build-1','[ 45] CC build/objects/module_045.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(46,'build-1','[ 46] CC build/objects/module_046.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(47,'build-1','[ 47] CC build/objects/module_047.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(48,'build-1','[ 48] CC build/objects/module_048.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(49,'build-1','[ 49] CC build/objects/module_049.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(50,'build-1','[ 50] CC build/objects/module_050.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(51,'build-1','[ 51] CC build/objects/module_051.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(52,'build-1','[ 52] CC build/objects/module_052.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(53,'build-1','[ 53] CC build/objects/module_053.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(54,'build-1','[ 54] CC build/objects/module_054.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(55,'build-1','[ 55] CC build/objects/module_055.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(56,'build-1','[ 56] CC build/objects/module_056.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(57,'build-1','[ 57] CC build/objects/module_057.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(58,'build-1','[ 58] CC build/objects/module_058.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(59,'build-1','[ 59] CC build/objects/module_059.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(60,'build-1','[ 60] CC build/objects/module_060.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(61,'build-1','[ 61] CC build/objects/module_061.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(62,'build-1','[ 62] CC build/objects/module_062.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(63,'build-1','[ 63] CC build/objects/module_063.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(64,'build-1','[ 64] CC build/objects/module_064.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(65,'build-1','[ 65] CC build/objects/module_065.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(66,'build-1','[ 66] CC build/objects/module_066.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(67,'build-1','[ 67] CC build/objects/module_067.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(68,'build-1','[ 68] CC build/objects/module_068.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(69,'build-1','[ 69] CC build/objects/module_069.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(70,'build-1','[ 70] CC build/objects/module_070.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(71,'build-1','[ 71] CC build/objects/module_071.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(72,'build-1','[ 72] CC build/objects/module_072.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(73,'build-1','[ 73] CC build/objects/module_073.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(74,'build-1','[ 74] CC build/objects/module_074.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(75,'build-1','[ 75] CC build/objects/module_075.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(76,'build-1','[ 76] CC build/objects/module_076.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(77,'build-1','[ 77] CC build/objects/module_077.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(78,'build-1','[ 78] CC build/objects/module_078.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(79,'build-1','[ 79] CC build/objects/module_079.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(80,'build-1','[ 80] CC build/objects/module_080.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(81,'build-1','[ 81] CC build/objects/module_081.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(82,'build-1','[ 82] CC build/objects/module_082.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(83,'build-1','[ 83] CC build/objects/module_083.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(84,'build-1','[ 84] CC build/objects/module_084.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(85,'build-1','[ 85] CC build/objects/module_085.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(86,'build-1','[ 86] CC build/objects/module_086.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(87,'build-1','[ 87] CC build/objects/module_087.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(88,'build-1','[ 88] CC build/objects/module_088.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(89,'build-1','[ 89] CC build/objects/module_089.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(90,'build-1','[ 90] CC build/objects/module_090.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(91,'build-1','[ 91] CC build/objects/module_091.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(92,'build-1','[ 92] CC build/objects/module_092.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(93,'build-1','[ 93] CC build/objects/module_093.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(94,'build-1','[ 94] CC build/objects/module_094.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(95,'build-1','[ 95] CC build/objects/module_095.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(96,'build-1','[ 96] CC build/objects/module_096.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(97,'build-1','[ 97] CC build/objects/module_097.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(98,'build-1','[ 98] CC build/objects/module_098.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(99,'build-1','[ 99] CC build/objects/module_099.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(100,'build-1','[100] CC build/objects/module_100.o -O2 -Wall','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(101,'ended-1','first','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(102,'ended-1','작업 [31m🎉','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(103,'ended-1','','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(104,'otto-1','from Otto','2026-11-21 06:55:33');
INSERT INTO "job_logs" VALUES(105,'otto-1','❌ 오류: exit 2','2026-11-21 06:55:33');
CREATE TABLE journal_meta (
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (name)
);
INSERT INTO "journal_meta" VALUES('epoch','627e4834');
CREATE TABLE journal_producers (
	producer_id TEXT NOT NULL,
	number INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	PRIMARY KEY (producer_id)
)
 WITHOUT ROWID

;
INSERT INTO "journal_producers" VALUES('anonymous/fixture',5,1795244133);
CREATE TABLE journal_records (
	record_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	task_key INTEGER NOT NULL,
	kind INTEGER NOT NULL,
	first_sequence INTEGER NOT NULL,
	last_sequence INTEGER NOT NULL,
	levels INTEGER NOT NULL,
	earliest TEXT NOT NULL,
	latest TEXT NOT NULL,
	codec INTEGER NOT NULL,
	raw_size INTEGER NOT NULL,
	checksum INTEGER NOT NULL,
	payload BLOB NOT NULL
);
INSERT INTO "journal_records" VALUES(1,1,0,1,50,4,'2026-11-21T06:55:33.431998578Z','2026-11-21T06:55:33.431998578Z',1,9640,2171311894,X'28B52FFD60A8243D0C00D6D43D21404FD301296AB33CB0755363927F4747EE6019228F5B18D964431C6E8B6178BA263A003F002C008A293862FF47DD00D5C49CFA103017C4A5F3D29251401ACE521008C7144CA61C13EAA9502BA22422CD852986CB8381781C2CD9A34062351CC3080CD34858923C58922600EF1A14F33C1A88C0721C2AC2A11148060612064C92054BA61E1A6B298829E63CCDC359964C39224FB34CB1030283024BC6280BC558DDCDCCBBABAA998988979797FFEFEE08A1EE66E6DD55D5CC44C4C3C3C3FF777784507733F3EEAA6A66026458C7C7C7FFEFEE08A1EE66E6DD55D5CC44C4DBDBDBFF777784507733F3EEAA6A6622E2E9E9E9FFBB3B42288098A821DCD7FF19D6E095D6128820081E41F05B3005BF4240FA036C750EAC4B6B24BAA84AAA922B0269714A486D69B39378554421D02454228A90965811D024EA163B9D44D5A215212D5921D04874919A942A57B4F0ED34AE92A8C868816AB946A28BD4A454B9A2856FEC241A5785546274407D5C13D1836A51EAB483344CAAEA4612A8529A00EF1C1801F20F');
INSERT INTO "journal_records" VALUES(2,1,0,51,100,4,'2026-11-21T06:55:33.434789786Z','2026-11-21T06:55:33.434789786Z',1,9650,3274745859,X'28B52FFD60B224650C00E6543E21404FD301296ADBAED8BAA931C9BFA32377B00C91B34D76935D58C1CB638E2737073B0040002C00A5C0DEEFADA90199CC2EC38670B8DC2D8C86C51405A4013D0902019572CB54724CA4A8223D912411712E4AA95B1E0D44E4504C3D0A249E065418014D236149F060499C805B6B484DF47020020FE448110E8E4032309030DC260BC5547A683C4F82945250E43CA0A7984A8E48E43CA5D40181414131D5248BD49412CCBBABAA99898877676D6DFDFFEEDEDDCCBCBBAA9A99887877C6C6C6FFEFEEDDCDCCBBABAA9989880019D504767676FFEFEEDDCDCCBBABAA99898877676F6FFFFFEEDEDDCCBCBBAA9A99887877E6E6E6FFEFEEDDCD018098A821DCD7FF19D6D04B9635128820083E41F0573005BF4240FA036CA54EC70756CB3532BAA826AA922B0469D194906ED16627F14A91424093D0842842AA64458026D15BD8E924AA2AAE08D29215018D442DAA4952E54A0BBE9DC6552415195AA02EAE91A8453549AA5C69C1B7D3B88AA422430BD4C53512B5A826498576D08852555F8904556E136092032360FF01');
INSERT INTO "journal_records" VALUES(3,2,0,1,3,4,'2026-11-21T06:55:33.436248048Z','2026-11-21T06:55:33.436248048Z',1,466,3402059625,X'28B52FFD60D200750500128A252C90A7E9D0FFFFFFC7AE16B2D7142DFA7F6FD9FFD6DB081092ED30B03CF0E33DC5D2498DEC7D9B6D96AA670538D6618282C383741002E05AAB910402C3B5D0703D8475DA330AF89E059E6E9667A7B58AB4BF6768D6AACFDE58309CEF272EE0E9EC8F46698DF218A82820DC6559A639DC4B9C4B98D7DEF703F2A1CD32A2676ECF10C595807BB2342B83B3BB2472A4F8FBE848FDD01F0407000793D89539F960BA561B732EA7309709E335C7');
INSERT INTO "journal_records" VALUES(4,2,1,3,3,0,'','',0,55,4116556918,X'5B22434F4D504C45544544222C22323032362D31312D32315430363A35353A33332E3433363438343339305A222C22222C66616C73655D');
INSERT INTO "journal_records" VALUES(5,3,0,1,1,8,'2026-11-21T06:55:33.439388700Z','2026-11-21T06:55:33.439388700Z',0,151,422393249,X'7B227461736B4964223A226F74746F2D31222C22776F726B65724964223A22706F642D31222C2273657175656E6365223A312C2274696D657374616D70223A22323032362D31312D32315430363A35353A33332E3433393338383730305A222C226C6576656C223A225741524E222C22736F75726365223A227374646F7574222C226D657373616765223A2266726F6D204F74746F227D');
INSERT INTO "journal_records" VALUES(6,3,1,1,1,0,'','',0,57,218831588,X'5B224641494C4544222C22323032362D31312D32315430363A35353A33332E3434313134343234395A222C22657869742032222C747275655D');
CREATE TABLE journal_stages (
	pipeline_id TEXT NOT NULL,
	stage_id TEXT NOT NULL,
	number INTEGER NOT NULL,
	document BLOB NOT NULL,
	PRIMARY KEY (pipeline_id, stage_id)
)
 WITHOUT ROWID

;
INSERT INTO "journal_stages" VALUES('pipe-1','compile',1,X'7B22706970656C696E654964223A22706970652D31222C2273746167654964223A22636F6D70696C65222C22737461747573223A2253544147455F52554E4E494E47222C226D657373616765223A22222C22776F726B6572506F644E616D6573223A5B5D2C2270726F677265737350657263656E74616765223A34302C2274696D657374616D70223A22323032362D31312D32315430363A35353A33332E3433363536363334315A227D');
CREATE TABLE journal_tasks (
	task_key INTEGER NOT NULL,
	task_id TEXT NOT NULL,
	first_sequence INTEGER DEFAULT '1' NOT NULL,
	last_sequence INTEGER DEFAULT '0' NOT NULL,
	end_status TEXT,
	end_timestamp TEXT,
	end_reason TEXT,
	end_through_status INTEGER,
	PRIMARY KEY (task_key),
	UNIQUE (task_id)
);
INSERT INTO "journal_tasks" VALUES(1,'build-1',1,100,NULL,NULL,NULL,NULL);
INSERT INTO "journal_tasks" VALUES(2,'ended-1',1,3,'COMPLETED','2026-11-21T06:55:33.436484390Z','',0);
INSERT INTO "journal_tasks" VALUES(3,'otto-1',1,1,'FAILED','2026-11-21T06:55:33.441144249Z','exit 2',1);
CREATE TABLE journal_workers (
	task_key INTEGER NOT NULL,
	worker_id TEXT NOT NULL,
	status TEXT DEFAULT '' NOT NULL,
	reason TEXT DEFAULT '' NOT NULL,
	metadata TEXT,
	PRIMARY KEY (task_key, worker_id)
)
 WITHOUT ROWID

;
INSERT INTO "journal_workers" VALUES(1,'worker-1','','',NULL);
INSERT INTO "journal_workers" VALUES(2,'worker-1','','',NULL);
INSERT INTO "journal_workers" VALUES(3,'pod-1','FAILED','exit 2',NULL);
CREATE TABLE otto_schema_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT otto_schema_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "otto_schema_version" VALUES('0001');
CREATE TABLE otto_sink_closings (
  epoch TEXT NOT NULL,
  job_id TEXT NOT NULL,
  message TEXT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (epoch, job_id)
) WITHOUT ROWID;
CREATE TABLE otto_sink_progress (
  sink TEXT NOT NULL,
  epoch TEXT NOT NULL,
  record INTEGER NOT NULL,
  line INTEGER NOT NULL,
  PRIMARY KEY (sink, epoch)
) WITHOUT ROWID;
INSERT INTO "otto_sink_progress" VALUES('job_logs','627e4834',6,0);
CREATE INDEX journal_records_by_task ON journal_records (task_key, kind, last_sequence);
CREATE INDEX idx_job_logs_job_id ON job_logs(job_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('journal_records',6);
INSERT INTO "sqlite_sequence" VALUES('job_logs',105);
COMMIT;
