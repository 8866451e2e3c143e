package surface

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// queries has texts that a store could interpret: SQL, MongoDB, LIKE and regular expressions, and
// characters that some stores do not keep. others has texts that other parts of a server could
// interpret: paths, headers, logs, terminals, HTML, formats and templates. Preparing a text changes none
// of them. A text with a control character may be refused.
var (
	queries = []string{
		"'; DROP TABLE users; --", "' OR '1'='1", `" OR ""="`, `\'; SELECT pg_sleep(60); --`, "$1", "?", ":name", "@p1", "1; ATTACH DATABASE 'x' AS y", "E'\\x00'",
		`{"$gt":""}`, `{"$where":"sleep(60000)"}`, "$ne", "$$ROOT", "a.$b", "__proto__",
		"%", "_", `\%`, "%%' ESCAPE '!", "[a-z]", ".*", "(a+)+$", "*",
		"a\x00b", "a\u202eb",
	}
	others = []string{
		"../../../../etc/passwd", `..\..\windows\win.ini`, "/etc/passwd%00.png", "file:///etc/passwd", "%2e%2e%2f",
		"a\r\nX-Injected: yes", "a%0d%0aX-Injected: yes", "a\nlevel=ERROR msg=injected", `a","msg":"injected`, "\x1b[2Jinjected",
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "javascript:alert(1)", "&lt;b&gt;", "<!--#exec cmd=\"ls\"-->", "=1+1",
		"%s%n%x", "{{7*7}}", "${jndi:ldap://x/a}", "$(reboot)", "`reboot`", "| reboot", "&& reboot",
	}
)

// attack is a server that gets texts.
type attack struct {
	*town
	texts    []string
	accepted map[string]bool // texts that an answer has repeated
}

// injection puts each of the texts into every text of every request: fields, parameters,
// identifiers and headers. No request may fail in the server, find what it should not, or change
// more than the text, and what is accepted must be stored and given back unchanged.
func injection(t *testing.T, storage ports.Storage, texts []string) {
	at := &attack{texts: texts, accepted: map[string]bool{}}
	at.town = newTown(t, storage, func(*wiring.Config) {}, func(request, answer) {})
	at.answered = at.check
	for _, o := range at.operations {
		at.parameters(o)
	}
	at.headers(at.operation("me"))
	at.headers(at.operation("send"))
	fields := 0
	for _, o := range at.operations {
		if b := o.bodySchema(); b != nil {
			for _, name := range slices.Sorted(maps.Keys(b.Properties)) {
				fields++
				at.field(o, name, b.Properties[name].Value)
			}
		}
	}
	if fields < 40 || len(at.accepted) < len(texts)*2/3 {
		t.Errorf("%d fields were tried, and %d texts repeated", fields, len(at.accepted))
	}
	at.inert()
}

// check looks at each answer.
func (at *attack) check(r request, a answer) {
	at.Helper()
	media := a.header.Get("Content-Type")
	isData := a.status == 204 || a.body == "" || media == "application/json" || media == "application/problem+json" || media == "image/png"
	if a.status >= 500 || a.header.Get("X-Injected") != "" || !isData || a.header.Get("X-Content-Type-Options") != "nosniff" {
		at.Errorf("%s %q %q %q: got %d %v: %.500s", r.OperationID, r.parameters, r.headers, r.body, a.status, a.header, a.body)
	}
}

// parameters puts the texts into the parameters of an operation. A text that no row has finds none.
func (at *attack) parameters(o operation) {
	at.Helper()
	by := at.right(o)
	for _, p := range o.Parameters {
		if p.Value.In == "header" {
			continue
		}
		for _, text := range at.texts {
			a := at.send(at.valid(o, by).withParameter(p.Value.Name, text))
			switch {
			case p.Value.In == "path" && a.status/100 != 4:
				at.Errorf("%s of %q: got %d %s", o.OperationID, text, a.status, a.body)
			case a.status == 200 && a.header.Get("Content-Type") == "application/json":
				if items, _ := at.object(a)["items"].([]any); len(items) > 0 {
					at.Errorf("%s?%s=%s finds %v", o.OperationID, p.Value.Name, text, items)
				}
			}
		}
		if p.Value.In == "query" { // an operator of MongoDB, as some servers read it
			if a := at.send(at.bracketed(o, by, p.Value.Name)); a.status/100 != 4 {
				at.Errorf("%s?%s[$ne]=: got %d %s", o.OperationID, p.Value.Name, a.status, a.body)
			}
		}
	}
}

// bracketed returns a request with the parameter name[$ne].
func (at *attack) bracketed(o operation, by *person, name string) request {
	at.Helper()
	changed := *o.Operation
	changed.Parameters = append(slices.Clone(o.Parameters), &openapi3.ParameterRef{Value: openapi3.NewQueryParameter(name + "[$ne]")})
	return at.valid(operation{&changed, o.method, o.path}, by).withParameter(name+"[$ne]", "")
}

// headers puts the texts into the headers of an operation of a signed-in user.
func (at *attack) headers(o operation) {
	at.Helper()
	by := at.right(o)
	for _, text := range at.texts {
		r := at.valid(o, by)
		for _, name := range []string{"Idempotency-Key", "X-Request-Id", "User-Agent", "X-Forwarded-For", "Forwarded", "Accept", "Origin"} {
			r = r.withHeader(name, text)
		}
		at.send(r)
	}
	for _, text := range at.texts {
		if a := at.send(at.valid(o, by).withHeader("Authorization", "Bearer "+text)); a.status != 401 {
			at.Errorf("%s with the token %q: got %d %s", o.OperationID, text, a.status, a.body)
		}
	}
}

// field puts the texts into a field of a body. A text that the answer has in a field of that name
// must be there unchanged.
func (at *attack) field(o operation, name string, s *openapi3.Schema) {
	at.Helper()
	by := at.right(o)
	for _, text := range at.texts {
		if o.isAccount() {
			by = at.right(o)
		}
		var value any = text
		switch {
		case s.Type.Includes("array"):
			value = []string{text}
		case s.Type.Includes("object"):
			value = map[string]string{text: text}
		}
		a := at.send(at.valid(o, by).with(name, value))
		if a.status/100 != 2 {
			continue
		}
		given, found := fieldOf(a.body, name)
		if !found {
			continue
		}
		line, _ := given.(string)
		if !reflect.DeepEqual(given, decoded(value)) && line != strings.Join(strings.Fields(text), " ") { // a text of one line has blanks for line ends
			at.Errorf("%s with %s %q gives back %q", o.OperationID, name, value, given)
		}
		if line != "" {
			at.accepted[line] = true
		}
	}
	operator := at.send(at.valid(o, by).with(name, map[string]any{"$ne": nil}))
	if operator.status/100 != 4 && !s.Type.Includes("object") {
		at.Errorf("%s with %s {$ne: null}: got %d %s", o.OperationID, name, operator.status, operator.body)
	}
}

// decoded returns a value as it is after JSON.
func decoded(value any) (v any) {
	b, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		panic(err) // never, for texts
	}
	return v
}

// fieldOf returns the first field of a name in a JSON document.
func fieldOf(body, name string) (value any, found bool) {
	var document any
	if json.Unmarshal([]byte(body), &document) != nil {
		return nil, false
	}
	var find func(v any) bool
	find = func(v any) bool {
		switch v := v.(type) {
		case map[string]any:
			if value, found = v[name]; found {
				return true
			}
			return slices.ContainsFunc(slices.Collect(maps.Values(v)), find)
		case []any:
			return slices.ContainsFunc(v, find)
		}
		return false
	}
	find(document)
	return value, found
}

// inert checks that the store keeps what was accepted, and otherwise is sound, and that each line of
// the log is one record.
func (at *attack) inert() {
	at.Helper()
	store := ports.NewStore(at.app.Storage, uow.Policy{})
	kept := map[any]bool{}
	at.must(store.Snapshot(at.Context(), func(ctx context.Context, tx ports.Tx) error {
		for _, table := range ports.Tables {
			for row, err := range ports.Scan(ctx, tx.Rows(), table, nil, 0) {
				if err != nil {
					return err
				}
				for _, value := range row {
					if text, ok := value.(string); ok {
						kept[text] = true
					}
				}
			}
		}
		return nil
	}))
	for text := range at.accepted {
		if !kept[text] {
			at.Errorf("the store does not have %q", text)
		}
	}
	found, err := audit.New(ports.ForAudit(store)).Audit(at.Context())
	at.must(err)
	for _, v := range found.Violations {
		at.Errorf("the store breaks %s: %s %s", v.Rule, v.Subject, v.Detail)
	}
	for _, p := range []*person{at.voyager, at.local, at.stranger, at.admin} {
		at.ask("me", p, "", nil)
	}
	for line := range strings.Lines(at.log.String()) {
		var record struct{ Msg string }
		if err := json.Unmarshal([]byte(line), &record); err != nil || strings.Contains(record.Msg, "injected") {
			at.Errorf("a line of the log is %q (%v)", line, err)
		}
	}
}
