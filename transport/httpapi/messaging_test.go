package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/transport/httpapi"
)

func TestOpenConversation(t *testing.T) {
	tn := newTown(t)
	stranger, local := tn.people["stranger"], tn.people["local"]
	body := tn.words.Replace(`{"local_id":"{local}"}`)
	first := tn.ask("POST", "/v1/conversations", stranger.token, body).want(t, 201)
	again := tn.ask("POST", "/v1/conversations", stranger.token, body).want(t, 200)
	if first.body != again.body {
		t.Errorf("got %s, want %s again", again.body, first.body)
	}
	o := first.object(t)
	want := fmt.Sprintf(`{"id":%q,"voyager_id":%q,"local_id":%q,"created_at":"2026-07-01T10:00:00.000Z",`+
		`"other":{"user_id":%q,"first_name":"First","image_url":null},"last_message":null,"unread_count":0,"closed":false}`,
		o["id"], stranger.id, local.id, local.id)
	if first.body != want {
		t.Errorf("got %s, want %s", first.body, want)
	}
	tn.unchanged(func() {
		tn.ask("POST", "/v1/conversations", local.token, body).refused(t, 422, "invalid_input", "local_id")
		tn.ask("POST", "/v1/conversations", local.token, tn.words.Replace(`{"local_id":"{stranger}"}`)).refused(t, 404, "local_not_found")
		tn.ask("POST", "/v1/conversations", local.token, tn.words.Replace(`{"local_id":"{report}"}`)).refused(t, 404, "local_not_found")
		tn.ask("POST", "/v1/conversations", local.token, `{"local_id":"nonsense"}`).refused(t, 422, "invalid_input", "local_id")
		tn.ask("POST", "/v1/conversations", local.token, `{}`).refused(t, 422, "invalid_input", "local_id")
	})

	t.Run("again with its key", func(t *testing.T) {
		admin := tn.people["admin"]
		first := tn.ask("POST", "/v1/conversations", admin.token, body, "Idempotency-Key", "k").want(t, 201)
		if err := local.Block(tn.ctx, admin.id); err != nil {
			t.Fatal(err)
		}
		again := tn.ask("POST", "/v1/conversations", admin.token, body, "Idempotency-Key", "k").want(t, 201)
		if want := strings.Replace(first.body, `"closed":false`, `"closed":true`, 1); again.body != want {
			t.Errorf("got %s, want %s", again.body, want)
		}
	})
}

func TestMessages(t *testing.T) {
	tn := newTown(t)
	voyager, local := tn.people["voyager"], tn.people["local"]
	path := tn.words.Replace("/v1/conversations/{conversation}/messages")

	a := tn.ask("POST", path, voyager.token, `{"content":"Olá\n👋","attachment":null}`).want(t, 201)
	o := a.object(t)
	// The conversation already has a message of 10:00:00.000, the present time of the clock.
	want := fmt.Sprintf(`{"id":%q,"conversation_id":%q,"user_id":%q,"content":"Olá\n👋","attachment":null,"attachment_url":null,"read":false,"created_at":"2026-07-01T10:00:00.001Z"}`,
		o["id"], tn.words.Replace("{conversation}"), voyager.id)
	if a.body != want {
		t.Errorf("got %s, want %s", a.body, want)
	}
	t.Run("the list", func(t *testing.T) {
		items := tn.ask("GET", path, local.token, "").want(t, 200).object(t)["items"].([]any)
		image := items[1].(map[string]any)
		if len(items) != 2 || items[0].(map[string]any)["id"] != o["id"] || image["content"] != "" ||
			image["attachment"] != tn.words.Replace("/v1/messages/{message}/attachment") {
			t.Errorf("got %v, newest first", items)
		}
	})
	t.Run("the conversation", func(t *testing.T) {
		c := tn.ask("GET", "/v1/conversations", local.token, "").want(t, 200).object(t)["items"].([]any)[0].(map[string]any)
		if fmt.Sprint(c["unread_count"]) != "1" || c["last_message"].(map[string]any)["id"] != o["id"] ||
			c["other"].(map[string]any)["first_name"] != "Vera" {
			t.Errorf("got %v", c)
		}
	})
	t.Run("reading", func(t *testing.T) {
		read := tn.words.Replace("/v1/conversations/{conversation}/read")
		upTo := fmt.Sprintf(`{"up_to":%q}`, o["id"])
		tn.unchanged(func() {
			tn.ask("POST", read, local.token, tn.words.Replace(`{"up_to":"{report}"}`)).refused(t, 422, "invalid_input", "up_to")
		})
		for range 2 {
			if a := tn.ask("POST", read, local.token, upTo, "Idempotency-Key", "r").want(t, 200); a.body != `{"marked":1}` {
				t.Errorf("got %s", a.body)
			}
		}
		if a := tn.ask("POST", read, local.token, upTo).want(t, 200); a.body != `{"marked":0}` {
			t.Errorf("got %s", a.body)
		}
	})
	t.Run("refusals", func(t *testing.T) {
		tn.unchanged(func() {
			for _, body := range []string{`{}`, `{"content":""}`, `{"content":null,"attachment":null}`, `{"content":"` + strings.Repeat("é", 5001) + `"}`, `{"content":"\u0000"}`} {
				tn.ask("POST", path, voyager.token, body).refused(t, 422, "invalid_input", "content")
			}
			tn.ask("POST", path, voyager.token, `{"content":"x","attachment":""}`).refused(t, 422, "invalid_input", "attachment")
		})
		tn.ask("POST", path, voyager.token, `{"content":"`+strings.Repeat("é", 5000)+`"}`).want(t, 201)
	})
}

// TestSendAgain repeats a request with its key. The responses are equal, and there is one debit.
func TestSendAgain(t *testing.T) {
	tn := newTown(t)
	voyager := tn.people["voyager"]
	path := tn.words.Replace("/v1/conversations/{conversation}/messages")
	send := func(token, content string) answer {
		return tn.ask("POST", path, token, `{"content":"`+content+`"}`, "Idempotency-Key", "k")
	}
	first := send(voyager.token, "hi").want(t, 201)
	tn.advance(1)
	if again := send(voyager.token, "hi").want(t, 201); again.body != first.body {
		t.Errorf("got %s, want %s", again.body, first.body)
	}
	if wallet := must[httpapi.Wallet](t)(voyager.Wallet(tn.ctx)); wallet.Balance != 49 {
		t.Errorf("got balance %d, want 49", wallet.Balance)
	}
	send(voyager.token, "bye").refused(t, 409, "idempotency_key_reused")
	send(tn.people["local"].token, "bye").want(t, 201) // the key belongs to its caller
	tn.ask("POST", path, voyager.token, `{"content":"hi","attachment":"`+dataURL("image/png", picture(t, 1, 1))+`"}`, "Idempotency-Key", "k").
		refused(t, 409, "idempotency_key_reused")
	t.Run("a refusal frees the key", func(t *testing.T) {
		tn.ask("POST", path, voyager.token, `{"content":""}`, "Idempotency-Key", "k2").refused(t, 422, "invalid_input", "content")
		tn.ask("POST", path, voyager.token, `{"content":"hi"}`, "Idempotency-Key", "k2").want(t, 201)
	})
}

func TestClosedConversation(t *testing.T) {
	tn := newTown(t)
	voyager, local := tn.people["voyager"], tn.people["local"]
	path := tn.words.Replace("/v1/conversations/{conversation}")
	tn.ask("PUT", "/v1/blocks/"+voyager.id.String(), local.token, "").want(t, 204)
	for _, p := range []person{voyager, local} {
		tn.ask("POST", path+"/messages", p.token, `{"content":"hi"}`).refused(t, 409, "conversation_closed")
		tn.ask("GET", path+"/messages", p.token, "").want(t, 200)
		tn.ask("POST", path+"/read", p.token, tn.words.Replace(`{"up_to":"{message}"}`)).want(t, 200)
	}
	tn.ask("DELETE", "/v1/blocks/"+voyager.id.String(), local.token, "").want(t, 204)
	tn.ask("POST", path+"/messages", local.token, `{"content":"hi"}`).want(t, 201)
}

func TestAttachments(t *testing.T) {
	tn := newTown(t)
	voyager := tn.people["voyager"]
	path := tn.words.Replace("/v1/conversations/{conversation}/messages")
	send := func(attachment string) answer {
		return tn.ask("POST", path, voyager.token, `{"attachment":"`+attachment+`"}`)
	}
	var jpg, gf bytes.Buffer
	if err := jpeg.Encode(&jpg, image.NewGray(image.Rect(0, 0, 3, 3)), nil); err != nil {
		t.Fatal(err)
	}
	if err := gif.Encode(&gf, image.NewGray(image.Rect(0, 0, 3, 3)), nil); err != nil {
		t.Fatal(err)
	}
	webp, err := base64.StdEncoding.DecodeString("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
	if err != nil {
		t.Fatal(err)
	}
	small := withText(picture(t, 2, 2))
	full := append(bytes.Clone(small), make([]byte, 5<<20-len(small))...)
	for _, good := range []struct {
		media  string
		bytes  []byte
		served string
	}{
		{"image/png", small, "png"}, {"image/jpeg", jpg.Bytes(), "jpeg"}, {"image/gif", gf.Bytes(), "png"},
		{"image/webp", webp, "jpeg"}, {"image/png", full, "png"},
	} {
		m := send(dataURL(good.media, good.bytes)).want(t, 201).object(t)
		a := tn.ask("GET", m["attachment"].(string), tn.people["local"].token, "").want(t, 200)
		_, kind, err := image.Decode(strings.NewReader(a.body))
		if err != nil || kind != good.served || a.header.Get("Content-Type") != "image/"+kind || strings.Contains(a.body, secretText) {
			t.Errorf("got a %s as %s, %v; want a %s without metadata", kind, a.header.Get("Content-Type"), err, good.served)
		}
		for fetch, want := range map[string]string{
			"": fmt.Sprintf("attachment; filename=%q", m["id"].(string)+"."+kind), "document": fmt.Sprintf("attachment; filename=%q", m["id"].(string)+"."+kind),
			"image": "inline",
		} {
			var headers []string
			if fetch != "" {
				headers = []string{"Sec-Fetch-Dest", fetch}
			}
			got := tn.ask("GET", m["attachment"].(string), tn.people["local"].token, "", headers...).want(t, 200)
			if d := got.header.Get("Content-Disposition"); d != want {
				t.Errorf("Sec-Fetch-Dest %q: got Content-Disposition %q, want %q", fetch, d, want)
			}
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
			"Cache-Control": "no-store",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("got %s %q, want %q", name, got, want)
			}
		}
		for _, other := range []string{"stranger", "admin"} {
			tn.ask("GET", m["attachment"].(string), tn.people[other].token, "").refused(t, 404, "attachment_not_found")
		}
	}
	tn.unchanged(func() {
		for name, bad := range map[string]string{
			"another label":   dataURL("image/jpeg", small),
			"a text":          dataURL("image/png", []byte("hello")),
			"svg":             dataURL("image/svg+xml", []byte("<svg/>")),
			"no data URL":     base64.StdEncoding.EncodeToString(small),
			"an address":      "https://example.org/a.png",
			"a parameter":     "data:image/png;charset=utf-8;base64," + base64.StdEncoding.EncodeToString(small),
			"upper case":      "data:IMAGE/PNG;base64," + base64.StdEncoding.EncodeToString(small),
			"no padding":      "data:image/png;base64," + base64.RawStdEncoding.EncodeToString(small[:len(small)-1]),
			"line breaks":     strings.Replace(dataURL("image/png", small), "AAAA", `AA\nAA`, 1),
			"too many bytes":  dataURL("image/png", append(full, 0)),
			"too many pixels": dataURL("image/gif", claiming(gf.Bytes(), 6_000, 4_001)),
			"another format":  dataURL("image/png", append(bytes.Clone(small), "PK\x03\x04"...)),
			"half an image":   dataURL("image/png", small[:len(small)/2]),
			"nothing":         "data:image/png;base64,",
		} {
			if a := send(bad); a.status != 422 {
				t.Errorf("%s: got %d %.200s, want 422", name, a.status, a.body)
			} else {
				a.refused(t, 422, "invalid_input", "attachment")
			}
		}
	})
	without := tn.ask("POST", path, voyager.token, `{"content":"hi"}`).want(t, 201).object(t)
	tn.ask("GET", fmt.Sprintf("/v1/messages/%s/attachment", without["id"]), voyager.token, "").refused(t, 404, "attachment_not_found")
}

// claiming returns a GIF with another canvas.
func claiming(b []byte, width, height uint16) []byte {
	b = bytes.Clone(b)
	binary.LittleEndian.PutUint16(b[6:], width)
	binary.LittleEndian.PutUint16(b[8:], height)
	return b
}

// secretText is in the metadata of images that are sent.
const secretText = "48°51'29.6\"N"

// withText inserts a text into a PNG.
func withText(b []byte) []byte {
	const header = 8 + 25
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len("Place\x00"+secretText)))
	chunk = append(chunk, "tEXtPlace\x00"+secretText...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	return slices.Concat(b[:header], chunk, b[header:])
}
