package surface

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// values has the values of fields and parameters for which any value of their type will not do, by
// name, or by operation and name. Words in braces are those of the town and of the sender.
var values = map[string]string{
	"local_id": "{local}", "reported_user_id": "{local}", "up_to": "{message}", "message_id": "{message}", "interest_ids": "{interest}", "interest_id": "{interest}",
	"user_id": "{stranger}", "email": "{email}", "password": "{password}", "current_password": "{password}", "refresh_token": "{refresh}",
	"token": "{reset}", "code": "{code}", "logIn.code": "{null}", "date": "{tomorrow}", "end_date": "{later}", "from": "{tomorrow}", "to": "{later}", "price": "1",
	"image_url": "https://example.org/a.png", "attachment": "{picture}", "type": "BONUS", "is_active": "true", "is_searchable": "true",
	"signUp.email": "new-{n}@example.org", "createInterest.name": "Thing {n}", "changeInterest.name": "Other {n}",
	"decline.id": "{declined}", "appeal.id": "{warning}", "impose.kind": "warning", "impose.ends_at": "{null}", "decide.outcome": "lifted",
	"retryEvent.subscriber": "index", "retryEvent.position": "{position}", "changeSubscription.name": "index", "asideEvents.subscriber": "index",
	"changeMe.locale": "fr", "unsubscribe.token": "{unsubscribe}", "unsubscribePage.token": "{unsubscribe}",
	"url": "https://192.0.2.1/hook", "types": "message.sent", "removeWebhook.id": "{removed}",
	"changePassword.password": "another {password}", "resetPassword.password": "another {password}",
}

// inPath has the values of identifiers in a path, by the segment in front of them.
var inPath = map[string]string{
	"users": "{stranger}", "interests": "{interest}", "reports": "{report}", "reservations": "{reservation}", "conversations": "{conversation}",
	"messages": "{message}", "sessions": "{session}", "profiles": "{local}", "blocks": "{stranger}",
	"sanctions": "{sanction}", "webhooks": "{webhook}",
}

// right returns the person who may send a request of an operation.
func (tn *town) right(o operation) *person {
	switch {
	case o.isAccount():
		return tn.person("Mayfly") // what the request does to an account and its sessions ends with it
	case o.Security != nil && len(*o.Security) == 0:
		return nil
	case strings.HasPrefix(o.path, "/v1/admin/"):
		return tn.admin
	case o.OperationID == "accept" || o.OperationID == "decline":
		return tn.local
	}
	return tn.voyager
}

// isAccount reports whether an operation changes the account or the sessions of its caller.
func (o operation) isAccount() bool {
	return strings.HasPrefix(o.path, "/v1/auth/") || strings.HasPrefix(o.path, "/v1/me") && o.method != "GET" && o.OperationID != "endSession" && o.OperationID != "appeal"
}

// valid returns a valid request of an operation, with every field of its body.
func (tn *town) valid(o operation, by *person) request {
	tn.Helper()
	r := request{operation: o, by: by, parameters: map[string]string{}, headers: map[string]string{}}
	segments := strings.Split(o.path, "/")
	for i, segment := range segments {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			value := cmp.Or(values[o.OperationID+"."+name], inPath[segments[i-1]])
			if value == "" {
				tn.Fatalf("%s: inPath needs a value for %s", o.OperationID, o.path)
			}
			r.parameters[name] = tn.replace(by, value)
		}
	}
	if o.Parameters.GetByInAndName(openapi3.ParameterInQuery, "token") != nil { // the other parameters are optional
		r.parameters["token"] = tn.replace(by, values[o.OperationID+".token"])
	}
	if b := o.bodySchema(); b != nil {
		r.body = map[string]any{}
		for name, schema := range b.Properties {
			r.body[name] = tn.value(o, by, name, schema.Value)
		}
	}
	return r
}

// bodySchema returns the schema of the body of a request, or nil if there is none.
func (o operation) bodySchema() *openapi3.Schema {
	if o.RequestBody == nil {
		return nil
	}
	return o.RequestBody.Value.Content.Get("application/json").Schema.Value
}

// value returns a valid value for a field or a parameter.
func (tn *town) value(o operation, by *person, name string, s *openapi3.Schema) any {
	tn.Helper()
	text, known := values[o.OperationID+"."+name]
	if !known {
		text, known = values[name]
	}
	if text == "{reset}" && by.id != "" {
		return tn.reset(by)
	}
	if text == "{code}" && by.id != "" && o.isAccount() && by != tn.voyager {
		return tn.code(o, by)
	}
	text = tn.replace(by, text)
	switch {
	case text == "{null}":
		return nil
	case s.Type.Includes("boolean"):
		return text != "false"
	case s.Type.Includes("integer"):
		return 20
	case s.Type.Includes("array"):
		return []any{tn.value(o, by, name, s.Items.Value)}
	case s.Type.Includes("object"):
		return map[string]any{"note": "A text"}
	case known:
		return text
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Format == "uuid":
		tn.Fatalf("%s: values needs a value for %s", o.OperationID, name)
	}
	return "A text"
}

// replace replaces the words in braces.
func (tn *town) replace(by *person, text string) string {
	if by == nil {
		by = &person{}
	}
	tn.people++
	text = strings.NewReplacer("{email}", by.email, "{password}", by.password, "{refresh}", by.refresh, "{reset}", by.refresh, "{n}", fmt.Sprint(tn.people)).Replace(text)
	for word, value := range tn.words {
		text = strings.ReplaceAll(text, "{"+word+"}", value)
	}
	return text
}

// with returns a copy of a request with another value of a field of the body.
func (r request) with(field string, value any) request {
	r.body = maps.Clone(r.body)
	r.body[field] = value
	return r
}

// withParameter returns a copy of a request with another parameter.
func (r request) withParameter(name, value string) request {
	r.parameters = maps.Clone(r.parameters)
	r.parameters[name] = value
	return r
}

// withHeader returns a copy of a request with another header.
func (r request) withHeader(name, value string) request {
	r.headers = maps.Clone(r.headers)
	r.headers[name] = value
	return r
}

// http returns the request for the handler of a server.
func (r request) http(tn *town) *http.Request {
	tn.Helper()
	path, query := r.path, url.Values{}
	for _, name := range slices.Sorted(maps.Keys(r.parameters)) {
		if in := "{" + name + "}"; strings.Contains(r.path, in) {
			path = strings.ReplaceAll(path, in, url.PathEscape(r.parameters[name]))
		} else if p := r.Parameters.GetByInAndName("query", name); p != nil {
			query.Set(name, r.parameters[name])
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	body := r.raw
	if body == "" && r.body != nil {
		b, err := json.Marshal(r.body)
		tn.must(err)
		body = string(b)
	}
	q := httptest.NewRequestWithContext(tn.Context(), r.method, path, strings.NewReader(body))
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	if r.by != nil {
		q.RemoteAddr = r.by.address + ":4711"
		if r.by.access != "" {
			q.Header.Set("Authorization", "Bearer "+r.by.access)
		}
	}
	for name, value := range r.headers {
		q.Header.Set(name, value)
	}
	return q
}
