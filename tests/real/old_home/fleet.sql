BEGIN TRANSACTION;
CREATE TABLE accounts (
    seq    INTEGER PRIMARY KEY,
    name   TEXT    NOT NULL UNIQUE,
    state  TEXT    NOT NULL,
    pool   TEXT    NOT NULL,
    body   TEXT    NOT NULL
);
INSERT INTO "accounts" VALUES(1,'work','ready','account:work','{"name":"work","kind":"subscription","tiers":[["sonnet","sonnet"]],"concurrency":2,"pool":"account:work","added_ms":1796010667440,"base_url":"{double}","login":false,"secret":true,"env":[],"pass_env":[],"state":"ready","reason":"","allowance":2,"answered_ms":1796010708083,"busy_until_ms":0,"busy_count":0}');
INSERT INTO "accounts" VALUES(2,'side','ready','account:side','{"name":"side","kind":"subscription","tiers":[["opus","opus"]],"concurrency":1,"pool":"account:side","added_ms":1796010670010,"base_url":"{double}","login":false,"secret":true,"env":[],"pass_env":[],"state":"ready","reason":"","allowance":1,"answered_ms":null,"busy_until_ms":0,"busy_count":0}');
CREATE TABLE attempts (
    seq      INTEGER PRIMARY KEY,
    id       TEXT    NOT NULL UNIQUE,
    task     TEXT    NOT NULL REFERENCES tasks (id),
    account  TEXT    NOT NULL REFERENCES accounts (name),
    host     TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    body     TEXT    NOT NULL
);
INSERT INTO "attempts" VALUES(1,'t1.1','t1','work','local','ended','{"id":"t1.1","task":"t1","number":1,"account":"work","tier":"sonnet","model":"sonnet","host":"local","session_id":"0604efe2-997c-5e43-aee5-26f210373207","started_ms":1796010686105,"state":"ended","began":true,"resumes":false,"carry_from":null,"plans":false,"opening":[],"told":[],"reason":"finished","detail":"","offset":10718,"answers":2,"answer_id":null,"answer_tokens":{"input":0,"output":0,"cache_read":0,"cache_write":0},"running_tokens":{"input":0,"output":0,"cache_read":0,"cache_write":0},"tokens":{"input":16,"output":300,"cache_read":1800,"cache_write":2184},"cost_usd":0.008672,"malformed":0,"awaits_background":false,"ended_ms":1796010690200}');
INSERT INTO "attempts" VALUES(2,'t2.1','t2','work','local','ended','{"id":"t2.1","task":"t2","number":1,"account":"work","tier":"sonnet","model":"sonnet","host":"local","session_id":"f7f2f6b8-1270-51e8-b546-a1098c0e81df","started_ms":1796010687994,"state":"ended","began":true,"resumes":false,"carry_from":null,"plans":false,"opening":[],"told":[],"reason":"unverified","detail":"","offset":33947,"answers":5,"answer_id":null,"answer_tokens":{"input":0,"output":0,"cache_read":0,"cache_write":0},"running_tokens":{"input":0,"output":0,"cache_read":0,"cache_write":0},"tokens":{"input":40,"output":315,"cache_read":7200,"cache_write":2760},"cost_usd":0.010850000000000002,"malformed":0,"awaits_background":false,"ended_ms":1796010693934}');
INSERT INTO "attempts" VALUES(3,'t4.1','t4','work','local','ended','{"id":"t4.1","task":"t4","number":1,"account":"work","tier":"sonnet","model":"sonnet","host":"local","session_id":"c694ba03-4767-58d9-87f4-10a11f92a320","started_ms":1796010690200,"state":"ended","began":true,"resumes":false,"carry_from":null,"plans":false,"opening":[],"told":[],"reason":"finished","detail":"","offset":10697,"answers":2,"answer_id":null,"answer_tokens":{"input":0,"output":0,"cache_read":0,"cache_write":0},"running_tokens":{"input":0,"output":0,"cache_read":0,"cache_write":0},"tokens":{"input":16,"output":300,"cache_read":1800,"cache_write":2184},"cost_usd":0.008672,"malformed":0,"awaits_background":false,"ended_ms":1796010694538}');
INSERT INTO "attempts" VALUES(4,'t7.1','t7','work','local','ended','{"id":"t7.1","task":"t7","number":1,"account":"work","tier":"sonnet","model":"sonnet","host":"local","session_id":"684a0191-9349-5e60-9768-1407354a6a04","started_ms":1796010701601,"state":"ended","began":true,"resumes":false,"carry_from":null,"plans":false,"opening":[],"told":[],"reason":"finished","detail":"","offset":10730,"answers":2,"answer_id":null,"answer_tokens":{"input":0,"output":0,"cache_read":0,"cache_write":0},"running_tokens":{"input":0,"output":0,"cache_read":0,"cache_write":0},"tokens":{"input":16,"output":300,"cache_read":1800,"cache_write":2184},"cost_usd":0.008672,"malformed":0,"awaits_background":false,"ended_ms":1796010706241}');
INSERT INTO "attempts" VALUES(5,'t5.1','t5','work','local','running','{"id":"t5.1","task":"t5","number":1,"account":"work","tier":"sonnet","model":"sonnet","host":"local","session_id":"8cf64591-2d20-5175-a2cd-447d041bba1b","started_ms":1796010701601,"state":"running","began":true,"resumes":false,"carry_from":null,"plans":false,"opening":[],"told":[],"reason":"","detail":"","offset":{applied t5.1 11},"answers":1,"answer_id":"msg_c42ab451b067ca42d8146128","answer_tokens":{"input":8,"output":1,"cache_read":0,"cache_write":1992},"running_tokens":{"input":0,"output":0,"cache_read":0,"cache_write":0},"tokens":{"input":0,"output":0,"cache_read":0,"cache_write":0},"cost_usd":null,"malformed":0,"awaits_background":false,"ended_ms":null}');
INSERT INTO "attempts" VALUES(6,'t6.1','t6','work','local','running','{"id":"t6.1","task":"t6","number":1,"account":"work","tier":"sonnet","model":"sonnet","host":"local","session_id":"fefb6ccf-5381-5552-a133-47c33124c8ce","started_ms":1796010706241,"state":"running","began":true,"resumes":false,"carry_from":null,"plans":false,"opening":[],"told":[],"reason":"","detail":"","offset":{applied t6.1 15},"answers":2,"answer_id":null,"answer_tokens":{"input":0,"output":0,"cache_read":0,"cache_write":0},"running_tokens":{"input":0,"output":0,"cache_read":0,"cache_write":0},"tokens":{"input":16,"output":300,"cache_read":1800,"cache_write":2184},"cost_usd":0.008672,"malformed":0,"awaits_background":false,"ended_ms":null}');
CREATE TABLE buckets (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    pool  TEXT    NOT NULL,
    body  TEXT    NOT NULL
);
CREATE TABLE demand (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);
INSERT INTO "demand" VALUES(1,'{root}/repoexecutionsonnet1','{"key":"{root}/repo\u001fexecution\u001fsonnet\u001f1","project":"{root}/repo","kind":"execution","tiers":["sonnet"],"value":1.0,"size":1.0,"count":5.999936078152603,"since_ms":1796010680337,"last_ms":1796010699548}');
INSERT INTO "demand" VALUES(2,'{root}/repoexecutionsonnet32','{"key":"{root}/repo\u001fexecution\u001fsonnet\u001f32","project":"{root}/repo","kind":"execution","tiers":["sonnet"],"value":32.0,"size":1.0,"count":1.0,"since_ms":1796010680337,"last_ms":1796010698663}');
INSERT INTO "demand" VALUES(3,'{root}/repoexecutionsonnet0.5','{"key":"{root}/repo\u001fexecution\u001fsonnet\u001f0.5","project":"{root}/repo","kind":"execution","tiers":["sonnet"],"value":0.5,"size":1.0,"count":1.0,"since_ms":1796010680337,"last_ms":1796010709339}');
CREATE TABLE experience (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);
INSERT INTO "experience" VALUES(1,'sonnet','{"key":"sonnet","count":3.0,"log_work":8.395251520610994,"log_work_m2":0.0,"log_ms":8.078563469940947,"log_ms_m2":0.01746968832728771,"won":3.0,"lost":0.0}');
INSERT INTO "experience" VALUES(2,'executionsonnet','{"key":"execution\u001fsonnet","count":3.0,"log_work":8.395251520610994,"log_work_m2":0.0,"log_ms":8.078563469940947,"log_ms_m2":0.01746968832728771,"won":3.0,"lost":0.0}');
INSERT INTO "experience" VALUES(3,'{root}/repoexecutionsonnet','{"key":"{root}/repo\u001fexecution\u001fsonnet","count":3.0,"log_work":8.395251520610994,"log_work_m2":0.0,"log_ms":8.078563469940947,"log_ms_m2":0.01746968832728771,"won":3.0,"lost":0.0}');
CREATE TABLE floors (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);
INSERT INTO "floors" VALUES(1,'f1','{"id":"f1","share":0.1,"account":"side","bucket":null}');
CREATE TABLE hosts (
    seq   INTEGER PRIMARY KEY,
    name  TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);
INSERT INTO "hosts" VALUES(1,'local','{"name":"local","workers_max":8,"memory_free_bytes":23168000000,"observed_ms":1796010706654,"problem":"","address":"","jump":null,"identity":null,"directory":null,"client":null,"labels":[],"state":"ready","silent_since_ms":null,"draining":false,"cores":2,"load":6.8,"warm":["{root}/repo"]}');
CREATE TABLE journal (
    seq      INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    level    TEXT    NOT NULL,
    task     TEXT,
    attempt  TEXT,
    account  TEXT,
    host     TEXT,
    text     TEXT    NOT NULL
);
INSERT INTO "journal" VALUES(1,1796010667440,'info',NULL,NULL,'work',NULL,'account added: subscription');
INSERT INTO "journal" VALUES(2,1796010670010,'info',NULL,NULL,'side',NULL,'account added: subscription');
INSERT INTO "journal" VALUES(3,1796010673318,'info',NULL,NULL,'work',NULL,'reserved (r1): 5% of five_hour, Sun 03:00-03:30');
INSERT INTO "journal" VALUES(4,1796010675641,'info',NULL,NULL,NULL,NULL,'laid down (l1): the limit of the fleet to 900,000,000 tokens a day');
INSERT INTO "journal" VALUES(5,1796010677907,'info',NULL,NULL,NULL,NULL,'laid down (f1): automation leaves the last 10% of every bucket of side');
INSERT INTO "journal" VALUES(6,1796010679174,'info',NULL,NULL,NULL,NULL,'project {root}/repo: weight 2');
INSERT INTO "journal" VALUES(7,1796010680337,'info','t1',NULL,NULL,NULL,'added: Do it. [[double:landed]]');
INSERT INTO "journal" VALUES(8,1796010681347,'info','t2',NULL,NULL,NULL,'added: Do it. [[double:failed]]');
INSERT INTO "journal" VALUES(9,1796010682280,'info','t3',NULL,NULL,NULL,'added: Never mind.');
INSERT INTO "journal" VALUES(10,1796010683207,'info','t3',NULL,NULL,NULL,'cancelled by a person');
INSERT INTO "journal" VALUES(11,1796010684004,'info','t4',NULL,NULL,NULL,'added: Do it. [[double:held]]');
INSERT INTO "journal" VALUES(12,1796010686105,'info','t1','t1.1','work','local','Do it. [[double:landed]]: starts on work (sonnet)');
INSERT INTO "journal" VALUES(13,1796010686105,'debug','t1','t1.1','work','local','work with sonnet: worth 1 × chance 95% − nothing, its capacity is free, = 0.95');
INSERT INTO "journal" VALUES(14,1796010686105,'debug','t1','t1.1','work','local','not side (sonnet): has no tier sonnet');
INSERT INTO "journal" VALUES(15,1796010686527,'debug','t1','t1.1','work','local','worker runs on branch fleet/t1-do-it-double-landed');
INSERT INTO "journal" VALUES(16,1796010687718,'debug','t1','t1.1','work','local','client 2.1.332');
INSERT INTO "journal" VALUES(17,1796010687994,'info','t2','t2.1','work','local','Do it. [[double:failed]]: starts on work (sonnet)');
INSERT INTO "journal" VALUES(18,1796010687994,'debug','t2','t2.1','work','local','work with sonnet: worth 1 × chance 95% − nothing, its capacity is free, = 0.95');
INSERT INTO "journal" VALUES(19,1796010687994,'debug','t2','t2.1','work','local','not side (sonnet): has no tier sonnet');
INSERT INTO "journal" VALUES(20,1796010688339,'debug','t2','t2.1','work','local','worker runs on branch fleet/t2-do-it-double-failed');
INSERT INTO "journal" VALUES(21,1796010688870,'debug','t1','t1.1','work','local','turn finished; now its work is committed and verified');
INSERT INTO "journal" VALUES(22,1796010689044,'debug','t1',NULL,NULL,NULL,'verified');
INSERT INTO "journal" VALUES(23,1796010689044,'debug','t1',NULL,NULL,NULL,'is merged into main');
INSERT INTO "journal" VALUES(24,1796010689578,'debug','t2','t2.1','work','local','client 2.1.332');
INSERT INTO "journal" VALUES(25,1796010689601,'info','t1',NULL,NULL,NULL,'verified and landed on main as 9426091a3899');
INSERT INTO "journal" VALUES(26,1796010690200,'debug','t1','t1.1','work','local','worker ended: finished');
INSERT INTO "journal" VALUES(27,1796010690200,'info','t4','t4.1','work','local','Do it. [[double:held]]: starts on work (sonnet)');
INSERT INTO "journal" VALUES(28,1796010690200,'debug','t4','t4.1','work','local','work with sonnet: worth 1 × chance 97% − nothing, its capacity is free, = 0.968');
INSERT INTO "journal" VALUES(29,1796010690200,'debug','t4','t4.1','work','local','not side (sonnet): has no tier sonnet');
INSERT INTO "journal" VALUES(30,1796010690394,'debug','t1',NULL,NULL,NULL,'worktree removed');
INSERT INTO "journal" VALUES(31,1796010690498,'debug','t2','t2.1','work','local','turn finished; now its work is committed and verified');
INSERT INTO "journal" VALUES(32,1796010690506,'debug','t4','t4.1','work','local','worker runs on branch fleet/t4-do-it-double-held');
INSERT INTO "journal" VALUES(33,1796010690748,'warning','t2',NULL,NULL,NULL,'verification failed (1 of 3): `false` ended with 1:');
INSERT INTO "journal" VALUES(34,1796010691046,'debug','t2','t2.1','work','local','client 2.1.332');
INSERT INTO "journal" VALUES(35,1796010691119,'debug','t2','t2.1','work','local','turn finished; now its work is committed and verified');
INSERT INTO "journal" VALUES(36,1796010691850,'warning','t2',NULL,NULL,NULL,'verification failed (2 of 3): `false` ended with 1:');
INSERT INTO "journal" VALUES(37,1796010692206,'debug','t2','t2.1','work','local','client 2.1.332');
INSERT INTO "journal" VALUES(38,1796010692236,'debug','t2','t2.1','work','local','turn finished; now its work is committed and verified');
INSERT INTO "journal" VALUES(39,1796010692425,'warning','t2',NULL,NULL,NULL,'verification failed (3 of 3): `false` ended with 1:');
INSERT INTO "journal" VALUES(40,1796010692447,'debug','t4','t4.1','work','local','client 2.1.332');
INSERT INTO "journal" VALUES(41,1796010692613,'debug','t2','t2.1','work','local','client 2.1.332');
INSERT INTO "journal" VALUES(42,1796010692688,'debug','t2','t2.1','work','local','turn finished; now its work is committed and verified');
INSERT INTO "journal" VALUES(43,1796010692836,'error','t2',NULL,NULL,NULL,'failed: verification failed 4 times; the last output ended: `false` ended with 1:');
INSERT INTO "journal" VALUES(44,1796010693283,'debug','t4','t4.1','work','local','turn finished; now its work is committed and verified');
INSERT INTO "journal" VALUES(45,1796010693420,'debug','t4',NULL,NULL,NULL,'verified');
INSERT INTO "journal" VALUES(46,1796010693420,'debug','t4',NULL,NULL,NULL,'is merged into elsewhere');
INSERT INTO "journal" VALUES(47,1796010693660,'warning','t4',NULL,NULL,NULL,'fleet/t4-do-it-double-held is verified, but {root}/repo has elsewhere checked out and it was not moved under you. To take the work in, run: git -C {root}/repo merge --ff-only 4346292b8e566ad040d624693f405ff5014778f9');
INSERT INTO "journal" VALUES(48,1796010693934,'debug','t2','t2.1','work','local','worker ended: unverified');
INSERT INTO "journal" VALUES(49,1796010694538,'debug','t4','t4.1','work','local','worker ended: finished');
INSERT INTO "journal" VALUES(50,1796010696668,'info','t5',NULL,NULL,NULL,'added: Do it. [[double:slow]]');
INSERT INTO "journal" VALUES(51,1796010697666,'info','t6',NULL,NULL,NULL,'added: Do it. [[double:checked]]');
INSERT INTO "journal" VALUES(52,1796010698663,'info','t7',NULL,NULL,NULL,'added: Do it. [[double:landing]]');
INSERT INTO "journal" VALUES(53,1796010699548,'info','t8',NULL,NULL,NULL,'added: Do it. [[double:after]]');
INSERT INTO "journal" VALUES(54,1796010701601,'info','t7','t7.1','work','local','Do it. [[double:landing]]: starts on work (sonnet)');
INSERT INTO "journal" VALUES(55,1796010701601,'debug','t7','t7.1','work','local','work with sonnet: worth 32 × chance 98% − nothing, its capacity is free, = 31.3');
INSERT INTO "journal" VALUES(56,1796010701601,'debug','t7','t7.1','work','local','not side (sonnet): has no tier sonnet');
INSERT INTO "journal" VALUES(57,1796010701601,'info','t5','t5.1','work','local','Do it. [[double:slow]]: starts on work (sonnet)');
INSERT INTO "journal" VALUES(58,1796010701601,'debug','t5','t5.1','work','local','work with sonnet: worth 1 × chance 98% − nothing, its capacity is free, = 0.978');
INSERT INTO "journal" VALUES(59,1796010701601,'debug','t5','t5.1','work','local','not side (sonnet): has no tier sonnet');
INSERT INTO "journal" VALUES(60,1796010702096,'debug','t5','t5.1','work','local','worker runs on branch fleet/t5-do-it-double-slow');
INSERT INTO "journal" VALUES(61,1796010702130,'debug','t7','t7.1','work','local','worker runs on branch fleet/t7-do-it-double-landing');
INSERT INTO "journal" VALUES(62,1796010704063,'debug','t7','t7.1','work','local','client 2.1.332');
INSERT INTO "journal" VALUES(63,1796010704063,'debug','t5','t5.1','work','local','client 2.1.332');
INSERT INTO "journal" VALUES(64,1796010704998,'debug','t7','t7.1','work','local','turn finished; now its work is committed and verified');
INSERT INTO "journal" VALUES(65,1796010705144,'debug','t7',NULL,NULL,NULL,'verified');
INSERT INTO "journal" VALUES(66,1796010705144,'debug','t7',NULL,NULL,NULL,'is merged into main');
INSERT INTO "journal" VALUES(67,1796010706241,'debug','t7','t7.1','work','local','worker ended: finished');
INSERT INTO "journal" VALUES(68,1796010706241,'info','t6','t6.1','work','local','Do it. [[double:checked]]: starts on work (sonnet)');
INSERT INTO "journal" VALUES(69,1796010706241,'debug','t6','t6.1','work','local','work with sonnet: worth 1 × chance 98% − nothing, its capacity is free, = 0.984');
INSERT INTO "journal" VALUES(70,1796010706241,'debug','t6','t6.1','work','local','not side (sonnet): has no tier sonnet');
INSERT INTO "journal" VALUES(71,1796010706402,'debug','t6','t6.1','work','local','worker runs on branch fleet/t6-do-it-double-checked');
INSERT INTO "journal" VALUES(72,1796010707502,'debug','t6','t6.1','work','local','client 2.1.332');
INSERT INTO "journal" VALUES(73,1796010708131,'debug','t6','t6.1','work','local','turn finished; now its work is committed and verified');
INSERT INTO "journal" VALUES(74,1796010709339,'info','t9',NULL,NULL,NULL,'added: Do it. [[double:queued]]');
CREATE TABLE limits (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);
INSERT INTO "limits" VALUES(1,'l1','{"id":"l1","scope":"fleet","name":"","per":"day","unit":"tokens","amount":900000000.0,"anchor_ms":1795996800000,"bucket":null}');
CREATE TABLE meta (
    only            INTEGER PRIMARY KEY CHECK (only = 1),
    home_id         TEXT    NOT NULL,
    now_ms          INTEGER NOT NULL DEFAULT 0,
    tasks_made      INTEGER NOT NULL DEFAULT 0,
    decisions_made  INTEGER NOT NULL DEFAULT 0,
    draining        INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "meta" VALUES(1,'b2b18f2583ecec056d5f95b646263af3',1796010709560,9,27,0);
CREATE TABLE outbox (
    seq      INTEGER PRIMARY KEY,
    id       TEXT    NOT NULL UNIQUE,
    kind     TEXT    NOT NULL,
    attempt  TEXT,
    task     TEXT,
    body     TEXT    NOT NULL
);
INSERT INTO "outbox" VALUES(2,'d23','LandWork',NULL,'t7','{"id":"d23","cause":"0086538673704454830a6b19543a067f","task":"t7","begun_ms":1796010705144}');
INSERT INTO "outbox" VALUES(3,'d27','CheckWork','t6.1',NULL,'{"id":"d27","cause":"05d033106a1a4246ba397a583a801bff","attempt":"t6.1"}');
CREATE TABLE projects (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);
INSERT INTO "projects" VALUES(1,'{root}/repo','{"name":"{root}/repo","weight":2.0,"accounts":[],"tiers":[],"workers":null}');
CREATE TABLE rates (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);
CREATE TABLE reservations (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);
INSERT INTO "reservations" VALUES(1,'r1','{"id":"r1","account":"work","tier":null,"amount":0.05,"spans":[[1796526000000,1796527800000],[1797130800000,1797132600000],[1797735600000,1797737400000],[1798340400000,1798342200000],[1798945200000,1798947000000],[1799550000000,1799551800000],[1800154800000,1800156600000],[1800759600000,1800761400000],[1801364400000,1801366200000],[1801969200000,1801971000000],[1802574000000,1802575800000],[1803178800000,1803180600000],[1803783600000,1803785400000],[1804388400000,1804390200000],[1804993200000,1804995000000],[1805598000000,1805599800000],[1806202800000,1806204600000],[1806807600000,1806809400000],[1807412400000,1807414200000],[1808017200000,1808019000000],[1808622000000,1808623800000],[1809226800000,1809228600000],[1809831600000,1809833400000],[1810436400000,1810438200000],[1811041200000,1811043000000],[1811646000000,1811647800000],[1812250800000,1812252600000],[1812855600000,1812857400000],[1813460400000,1813462200000],[1814065200000,1814067000000],[1814670000000,1814671800000],[1815274800000,1815276600000],[1815879600000,1815881400000],[1816484400000,1816486200000],[1817089200000,1817091000000],[1817694000000,1817695800000],[1818298800000,1818300600000],[1818903600000,1818905400000],[1819508400000,1819510200000],[1820113200000,1820115000000],[1820718000000,1820719800000],[1821322800000,1821324600000],[1821927600000,1821929400000],[1822532400000,1822534200000],[1823137200000,1823139000000],[1823742000000,1823743800000],[1824346800000,1824348600000],[1824951600000,1824953400000],[1825556400000,1825558200000],[1826161200000,1826163000000],[1826766000000,1826767800000],[1827370800000,1827372600000],[1827975600000,1827977400000],[1828580400000,1828582200000],[1829185200000,1829187000000],[1829790000000,1829791800000],[1830394800000,1830396600000],[1830999600000,1831001400000],[1831604400000,1831606200000],[1832209200000,1832211000000],[1832814000000,1832815800000],[1833418800000,1833420600000],[1834023600000,1834025400000],[1834628400000,1834630200000],[1835233200000,1835235000000],[1835838000000,1835839800000],[1836442800000,1836444600000],[1837047600000,1837049400000],[1837652400000,1837654200000],[1838257200000,1838259000000],[1838862000000,1838863800000],[1839466800000,1839468600000],[1840071600000,1840073400000],[1840676400000,1840678200000],[1841281200000,1841283000000],[1841886000000,1841887800000],[1842490800000,1842492600000],[1843095600000,1843097400000],[1843700400000,1843702200000],[1844305200000,1844307000000],[1844910000000,1844911800000],[1845514800000,1845516600000],[1846119600000,1846121400000],[1846724400000,1846726200000],[1847329200000,1847331000000],[1847934000000,1847935800000],[1848538800000,1848540600000],[1849143600000,1849145400000],[1849748400000,1849750200000],[1850353200000,1850355000000],[1850958000000,1850959800000],[1851562800000,1851564600000],[1852167600000,1852169400000],[1852772400000,1852774200000],[1853377200000,1853379000000],[1853982000000,1853983800000],[1854586800000,1854588600000],[1855191600000,1855193400000],[1855796400000,1855798200000],[1856401200000,1856403000000],[1857006000000,1857007800000],[1857610800000,1857612600000],[1858215600000,1858217400000],[1858820400000,1858822200000]],"bucket":"five_hour","said":"Sun 03:00-03:30"}');
CREATE TABLE singles (
    name  TEXT PRIMARY KEY,
    body  TEXT NOT NULL
);
INSERT INTO "singles" VALUES('prices','{"at_ms":1796010709339,"source":"programme","buckets":{},"slots":{"side":0.0,"work":0.0},"hosts":0.0,"edges":[1796014309339,1796019709339,1796028709339,1796046709339,1796082709339,1796154709339,1796298709339],"later":{"opus":[0.0,0.0,0.0,0.0,0.0,0.0,0.0],"sonnet":[0.0,0.0,0.0,0.0,0.0,0.0,0.0]},"places":{"opus":[0.0,0.0,0.0,0.0,0.0,0.0,0.0],"sonnet":[0.0,0.0,0.0,0.0,0.0,0.0,0.0]},"unlocks":{},"solve_ms":28.89960199900088,"detail":"5 classes, 48 columns, 58 rows"}');
CREATE TABLE spent (
    seq   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    body  TEXT    NOT NULL
);
INSERT INTO "spent" VALUES(1,'l1','{"limit":"l1","period":0,"amount":29516.0}');
CREATE TABLE tasks (
    seq    INTEGER PRIMARY KEY,
    id     TEXT    NOT NULL UNIQUE,
    state  TEXT    NOT NULL,
    body   TEXT    NOT NULL
);
INSERT INTO "tasks" VALUES(1,'t1','landed','{"id":"t1","number":1,"spec":{"prompt":"Do it. [[double:landed]]","repo":"{root}/repo","title":"Do it. [[double:landed]]","tiers":["sonnet"],"target":"main","key":null,"priority":0,"deadline_ms":null,"after":[],"verify":["test -f landed.txt"],"land":"merge","allow_tools":[],"max_turns":null,"max_budget_usd":null,"project":"","kind":"execution","size":1.0,"value":null,"plan_tier":null,"subagent_tier":null,"labels":[]},"created_ms":1796010680337,"state":"landed","after":[],"reason":"","attempt":"t1.1","attempts":1,"session_id":"0604efe2-997c-5e43-aee5-26f210373207","session_account":"work","branch":"fleet/t1-do-it-double-landed","base_commit":"d5c51f6328efa85932fa159f74ed38bc5a082856","commit":"9426091a38995740c40440c3e8f7f5feaeaec906","landed_commit":"9426091a38995740c40440c3e8f7f5feaeaec906","not_before_ms":0,"faults":0,"host_faults":0,"repairs":0,"spent_usd":0.008672,"words":[],"landing_since_ms":1796010689044,"landing_begun":false,"ended_ms":1796010689601,"trouble":null,"tier_failed":null,"tier_work":4426.0,"tier_ms":4095,"planned":false,"late":false,"unlocks":0.0}');
INSERT INTO "tasks" VALUES(2,'t2','failed','{"id":"t2","number":2,"spec":{"prompt":"Do it. [[double:failed]]","repo":"{root}/repo","title":"Do it. [[double:failed]]","tiers":["sonnet"],"target":"elsewhere","key":null,"priority":0,"deadline_ms":null,"after":[],"verify":["false"],"land":"branch","allow_tools":[],"max_turns":null,"max_budget_usd":null,"project":"","kind":"execution","size":1.0,"value":null,"plan_tier":null,"subagent_tier":null,"labels":[]},"created_ms":1796010681347,"state":"failed","after":[],"reason":"verification failed 4 times; the last output ended: `false` ended with 1:","attempt":"t2.1","attempts":1,"session_id":"f7f2f6b8-1270-51e8-b546-a1098c0e81df","session_account":"work","branch":"fleet/t2-do-it-double-failed","base_commit":"d5c51f6328efa85932fa159f74ed38bc5a082856","commit":null,"landed_commit":null,"not_before_ms":0,"faults":0,"host_faults":0,"repairs":3,"spent_usd":0.010850000000000002,"words":[],"landing_since_ms":null,"landing_begun":false,"ended_ms":1796010692836,"trouble":null,"tier_failed":null,"tier_work":5785.0,"tier_ms":5940,"planned":false,"late":false,"unlocks":0.0}');
INSERT INTO "tasks" VALUES(3,'t3','cancelled','{"id":"t3","number":3,"spec":{"prompt":"Never mind.","repo":"{root}/repo","title":"Never mind.","tiers":["sonnet"],"target":"elsewhere","key":null,"priority":0,"deadline_ms":null,"after":[],"verify":[],"land":"branch","allow_tools":[],"max_turns":null,"max_budget_usd":null,"project":"","kind":"execution","size":1.0,"value":null,"plan_tier":null,"subagent_tier":null,"labels":[]},"created_ms":1796010682280,"state":"cancelled","after":[],"reason":"cancelled by a person","attempt":null,"attempts":0,"session_id":null,"session_account":null,"branch":null,"base_commit":null,"commit":null,"landed_commit":null,"not_before_ms":0,"faults":0,"host_faults":0,"repairs":0,"spent_usd":0.0,"words":[],"landing_since_ms":null,"landing_begun":false,"ended_ms":1796010683207,"trouble":null,"tier_failed":null,"tier_work":0.0,"tier_ms":0,"planned":false,"late":false,"unlocks":0.0}');
INSERT INTO "tasks" VALUES(4,'t4','held','{"id":"t4","number":4,"spec":{"prompt":"Do it. [[double:held]]","repo":"{root}/repo","title":"Do it. [[double:held]]","tiers":["sonnet"],"target":"elsewhere","key":null,"priority":0,"deadline_ms":null,"after":[],"verify":[],"land":"merge","allow_tools":[],"max_turns":null,"max_budget_usd":null,"project":"","kind":"execution","size":1.0,"value":null,"plan_tier":null,"subagent_tier":null,"labels":[]},"created_ms":1796010684004,"state":"held","after":[],"reason":"fleet/t4-do-it-double-held is verified, but {root}/repo has elsewhere checked out and it was not moved under you. To take the work in, run: git -C {root}/repo merge --ff-only 4346292b8e566ad040d624693f405ff5014778f9","attempt":"t4.1","attempts":1,"session_id":"c694ba03-4767-58d9-87f4-10a11f92a320","session_account":"work","branch":"fleet/t4-do-it-double-held","base_commit":"d5c51f6328efa85932fa159f74ed38bc5a082856","commit":"4346292b8e566ad040d624693f405ff5014778f9","landed_commit":null,"not_before_ms":1796010706653,"faults":0,"host_faults":0,"repairs":0,"spent_usd":0.008672,"words":[],"landing_since_ms":1796010693420,"landing_begun":false,"ended_ms":null,"trouble":null,"tier_failed":null,"tier_work":4426.0,"tier_ms":4338,"planned":false,"late":false,"unlocks":0.0}');
INSERT INTO "tasks" VALUES(5,'t5','running','{"id":"t5","number":5,"spec":{"prompt":"Do it. [[double:slow]]","repo":"{root}/repo","title":"Do it. [[double:slow]]","tiers":["sonnet"],"target":"main","key":null,"priority":0,"deadline_ms":null,"after":[],"verify":[],"land":"merge","allow_tools":[],"max_turns":null,"max_budget_usd":null,"project":"","kind":"execution","size":1.0,"value":null,"plan_tier":null,"subagent_tier":null,"labels":[]},"created_ms":1796010696668,"state":"running","after":[],"reason":"","attempt":"t5.1","attempts":1,"session_id":"8cf64591-2d20-5175-a2cd-447d041bba1b","session_account":"work","branch":"fleet/t5-do-it-double-slow","base_commit":"9426091a38995740c40440c3e8f7f5feaeaec906","commit":null,"landed_commit":null,"not_before_ms":0,"faults":0,"host_faults":0,"repairs":0,"spent_usd":0.0,"words":[],"landing_since_ms":null,"landing_begun":false,"ended_ms":null,"trouble":null,"tier_failed":null,"tier_work":0.0,"tier_ms":0,"planned":false,"late":false,"unlocks":0.0}');
INSERT INTO "tasks" VALUES(6,'t6','checking','{"id":"t6","number":6,"spec":{"prompt":"Do it. [[double:checked]]","repo":"{root}/repo","title":"Do it. [[double:checked]]","tiers":["sonnet"],"target":"main","key":null,"priority":0,"deadline_ms":null,"after":[],"verify":["test -e {root}/checked || { touch {root}/checking; exec sleep 900; }"],"land":"merge","allow_tools":[],"max_turns":null,"max_budget_usd":null,"project":"","kind":"execution","size":1.0,"value":null,"plan_tier":null,"subagent_tier":null,"labels":[]},"created_ms":1796010697666,"state":"checking","after":[],"reason":"","attempt":"t6.1","attempts":1,"session_id":"fefb6ccf-5381-5552-a133-47c33124c8ce","session_account":"work","branch":"fleet/t6-do-it-double-checked","base_commit":"9426091a38995740c40440c3e8f7f5feaeaec906","commit":null,"landed_commit":null,"not_before_ms":0,"faults":0,"host_faults":0,"repairs":0,"spent_usd":0.0,"words":[],"landing_since_ms":null,"landing_begun":false,"ended_ms":null,"trouble":null,"tier_failed":null,"tier_work":0.0,"tier_ms":0,"planned":false,"late":false,"unlocks":0.0}');
INSERT INTO "tasks" VALUES(7,'t7','landing','{"id":"t7","number":7,"spec":{"prompt":"Do it. [[double:landing]]","repo":"{root}/repo","title":"Do it. [[double:landing]]","tiers":["sonnet"],"target":"main","key":null,"priority":5,"deadline_ms":null,"after":[],"verify":["case \"$PWD\" in */landing-*) test -e {root}/landed || { touch {root}/landing; exec sleep 900; };; esac"],"land":"merge","allow_tools":[],"max_turns":null,"max_budget_usd":null,"project":"","kind":"execution","size":1.0,"value":null,"plan_tier":null,"subagent_tier":null,"labels":[]},"created_ms":1796010698663,"state":"landing","after":[],"reason":"","attempt":"t7.1","attempts":1,"session_id":"684a0191-9349-5e60-9768-1407354a6a04","session_account":"work","branch":"fleet/t7-do-it-double-landing","base_commit":"9426091a38995740c40440c3e8f7f5feaeaec906","commit":"6ff90992e65e737927a4b1d5c58c80b125e16777","landed_commit":null,"not_before_ms":0,"faults":0,"host_faults":0,"repairs":0,"spent_usd":0.008672,"words":[],"landing_since_ms":1796010705144,"landing_begun":true,"ended_ms":null,"trouble":null,"tier_failed":null,"tier_work":4426.0,"tier_ms":4640,"planned":false,"late":false,"unlocks":0.0}');
INSERT INTO "tasks" VALUES(8,'t8','waiting','{"id":"t8","number":8,"spec":{"prompt":"Do it. [[double:after]]","repo":"{root}/repo","title":"Do it. [[double:after]]","tiers":["sonnet"],"target":"main","key":null,"priority":0,"deadline_ms":null,"after":["t5"],"verify":[],"land":"merge","allow_tools":[],"max_turns":null,"max_budget_usd":null,"project":"","kind":"execution","size":1.0,"value":null,"plan_tier":null,"subagent_tier":null,"labels":[]},"created_ms":1796010699548,"state":"waiting","after":["t5"],"reason":"","attempt":null,"attempts":0,"session_id":null,"session_account":null,"branch":null,"base_commit":null,"commit":null,"landed_commit":null,"not_before_ms":0,"faults":0,"host_faults":0,"repairs":0,"spent_usd":0.0,"words":[],"landing_since_ms":null,"landing_begun":false,"ended_ms":null,"trouble":null,"tier_failed":null,"tier_work":0.0,"tier_ms":0,"planned":false,"late":false,"unlocks":0.0}');
INSERT INTO "tasks" VALUES(9,'t9','queued','{"id":"t9","number":9,"spec":{"prompt":"Do it. [[double:queued]]","repo":"{root}/repo","title":"Do it. [[double:queued]]","tiers":["sonnet"],"target":"main","key":null,"priority":-1,"deadline_ms":null,"after":[],"verify":[],"land":"merge","allow_tools":[],"max_turns":null,"max_budget_usd":null,"project":"","kind":"execution","size":1.0,"value":null,"plan_tier":null,"subagent_tier":null,"labels":[]},"created_ms":1796010709339,"state":"queued","after":[],"reason":"","attempt":null,"attempts":0,"session_id":null,"session_account":null,"branch":null,"base_commit":null,"commit":null,"landed_commit":null,"not_before_ms":0,"faults":0,"host_faults":0,"repairs":0,"spent_usd":0.0,"words":[],"landing_since_ms":null,"landing_begun":false,"ended_ms":null,"trouble":null,"tier_failed":null,"tier_work":0.0,"tier_ms":0,"planned":false,"late":false,"unlocks":0.0}');
CREATE TABLE worktrees (
    seq    INTEGER PRIMARY KEY,
    task   TEXT    NOT NULL UNIQUE REFERENCES tasks (id),
    state  TEXT    NOT NULL,
    body   TEXT    NOT NULL
);
INSERT INTO "worktrees" VALUES(1,'t1','removed','{"task":"t1","repo":"{root}/repo","slot":0,"state":"removed","path":"{root}/home/worktrees/{worktrees}/t1","preserved":null,"host":"local","moves_from":null,"checkpoint":null,"checkpoint_ms":1796010689044,"heard":[],"heard_before":[],"left_ms":1796010690200}');
INSERT INTO "worktrees" VALUES(2,'t2','ready','{"task":"t2","repo":"{root}/repo","slot":1,"state":"ready","path":"{root}/home/worktrees/{worktrees}/t2","preserved":null,"host":"local","moves_from":null,"checkpoint":null,"checkpoint_ms":1796010692836,"heard":[],"heard_before":[],"left_ms":1796010693934}');
INSERT INTO "worktrees" VALUES(3,'t4','ready','{"task":"t4","repo":"{root}/repo","slot":2,"state":"ready","path":"{root}/home/worktrees/{worktrees}/t4","preserved":null,"host":"local","moves_from":null,"checkpoint":null,"checkpoint_ms":1796010693420,"heard":[],"heard_before":[],"left_ms":1796010694538}');
INSERT INTO "worktrees" VALUES(4,'t7','ready','{"task":"t7","repo":"{root}/repo","slot":0,"state":"ready","path":"{root}/home/worktrees/{worktrees}/t7","preserved":null,"host":"local","moves_from":null,"checkpoint":null,"checkpoint_ms":1796010705144,"heard":[],"heard_before":[],"left_ms":1796010706241}');
INSERT INTO "worktrees" VALUES(5,'t5','ready','{"task":"t5","repo":"{root}/repo","slot":3,"state":"ready","path":"{root}/home/worktrees/{worktrees}/t5","preserved":null,"host":"local","moves_from":null,"checkpoint":null,"checkpoint_ms":null,"heard":[],"heard_before":[],"left_ms":null}');
INSERT INTO "worktrees" VALUES(6,'t6','ready','{"task":"t6","repo":"{root}/repo","slot":4,"state":"ready","path":"{root}/home/worktrees/{worktrees}/t6","preserved":null,"host":"local","moves_from":null,"checkpoint":null,"checkpoint_ms":null,"heard":[],"heard_before":[],"left_ms":null}');
CREATE INDEX tasks_by_state ON tasks (state);
CREATE INDEX attempts_by_task ON attempts (task);
CREATE INDEX attempts_living ON attempts (seq) WHERE state <> 'ended';
CREATE INDEX journal_by_task ON journal (task, seq);
COMMIT;
PRAGMA user_version = 2;
