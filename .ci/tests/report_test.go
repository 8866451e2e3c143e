package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	tests := []struct {
		name   string
		events string
		want   string
		ok     bool
	}{
		{
			name: "passed and skipped",
			events: `
{"Action":"start","Package":"m/a"}
{"Action":"run","Package":"m/a","Test":"TestGood"}
{"Action":"output","Package":"m/a","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"output","Package":"m/a","Test":"TestGood","Output":"    a_test.go:4: not of interest\n"}
{"Action":"attr","Package":"m/a","Test":"TestGood","Key":"sends","Value":"200"}
{"Action":"output","Package":"m/a","Test":"TestGood","Output":"--- PASS: TestGood (0.00s)\n"}
{"Action":"pass","Package":"m/a","Test":"TestGood"}
{"Action":"output","Package":"m/a","Test":"TestOne","Output":"=== RUN   TestOne\n"}
{"Action":"output","Package":"m/a","Test":"TestOne","Output":"    a_test.go:9: no database: install one\n"}
{"Action":"output","Package":"m/a","Test":"TestOne","Output":"--- SKIP: TestOne (0.00s)\n"}
{"Action":"skip","Package":"m/a","Test":"TestOne"}
{"Action":"output","Package":"m/a","Test":"TestTwo","Output":"    a_test.go:12: no database: install one\n"}
{"Action":"skip","Package":"m/a","Test":"TestTwo"}
{"Action":"output","Package":"m/a","Output":"PASS\n"}
{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t0.1s\n"}
{"Action":"pass","Package":"m/a"}
{"Action":"output","Package":"m/empty","Output":"?   \tm/empty\t[no test files]\n"}
{"Action":"skip","Package":"m/empty"}`,
			want: `        TestGood: sends 200
ok  	m/a	0.1s
SKIP    m/a: 2: no database: install one
1 passed, 0 failed, 2 skipped (tests and subtests)
`,
			ok: true,
		},
		{
			name: "failed",
			events: `
{"Action":"output","Package":"m/a","Test":"TestGood","Output":"    a_test.go:4: not of interest\n"}
{"Action":"pass","Package":"m/a","Test":"TestGood"}
{"Action":"output","Package":"m/a","Test":"TestBad","Output":"=== RUN   TestBad\n"}
{"Action":"output","Package":"m/a","Test":"TestBad","Output":"    a_test.go:5: one is not two\n"}
{"Action":"output","Package":"m/a","Test":"TestBad","Output":"--- FAIL: TestBad (0.00s)\n"}
{"Action":"fail","Package":"m/a","Test":"TestBad"}
{"Action":"output","Package":"m/a","Output":"FAIL\tm/a\t0.1s\n"}
{"Action":"fail","Package":"m/a"}`,
			want: `    a_test.go:5: one is not two
--- FAIL: TestBad (0.00s)
FAIL	m/a	0.1s
1 passed, 1 failed, 0 skipped (tests and subtests); packages that failed: 1
`,
		},
		{
			name: "cut off in the middle of a test",
			events: `
{"Action":"output","Package":"m/a","Test":"TestEndless","Output":"panic: test timed out\n"}
{"Action":"output","Package":"m/a","Output":"FAIL\tm/a\t600s\n"}
{"Action":"fail","Package":"m/a"}`,
			want: `panic: test timed out
FAIL	m/a	600s
0 passed, 0 failed, 0 skipped (tests and subtests); packages that failed: 1; no test ran
`,
		},
		{
			name: "not built",
			events: `
{"ImportPath":"m/a","Action":"build-output","Output":"a.go:1: undefined: x\n"}
{"ImportPath":"m/a","Action":"build-fail"}
{"Action":"output","Package":"m/a","Output":"FAIL\tm/a [build failed]\n"}
{"Action":"fail","Package":"m/a","FailedBuild":"m/a"}
{"Action":"pass","Package":"m/b","Test":"TestGood"}
{"Action":"output","Package":"m/b","Output":"ok  \tm/b\t0.1s\n"}
{"Action":"pass","Package":"m/b"}`,
			want: `a.go:1: undefined: x
FAIL	m/a [build failed]
ok  	m/b	0.1s
1 passed, 0 failed, 0 skipped (tests and subtests); packages that failed: 1
`,
		},
		{
			name: "nothing",
			want: "0 passed, 0 failed, 0 skipped (tests and subtests); no test ran\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			report := newReport(&out)
			if err := report.read(strings.NewReader(tt.events)); err != nil {
				t.Fatal(err)
			}
			if ok := report.summary(); ok != tt.ok {
				t.Errorf("summary returned %t, want %t", ok, tt.ok)
			}
			if out.String() != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", out.String(), tt.want)
			}
		})
	}
}

func TestReportInvalidEvents(t *testing.T) {
	var out strings.Builder
	if err := newReport(&out).read(strings.NewReader("go: no such thing\n")); err == nil {
		t.Error("read returned no error for a line that is not an event")
	}
}
