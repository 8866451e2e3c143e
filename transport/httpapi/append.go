package httpapi

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/cicerone-go/cicerone/core/id"
)

// The functions below append the JSON of the responses that are asked for most: see
// kithttp.Appended. A test compares them with the JSON library.

func appendWallet(b []byte, w *Wallet) ([]byte, error) {
	b = strconv.AppendInt(append(b, `{"balance":`...), w.Balance, 10)
	b = strconv.AppendInt(append(b, `,"held":`...), w.Held, 10)
	return append(b, '}'), nil
}

func appendMessage(b []byte, m *Message) ([]byte, error) {
	b = appendID(append(b, `{"id":`...), m.ID)
	b = appendID(append(b, `,"conversation_id":`...), m.ConversationID)
	b = appendID(append(b, `,"user_id":`...), m.UserID)
	b, err := jsontext.AppendQuote(append(b, `,"content":`...), m.Content)
	if err == nil {
		b, err = appendOrNull(append(b, `,"attachment":`...), m.Attachment)
	}
	if err == nil {
		b, err = appendOrNull(append(b, `,"attachment_url":`...), m.AttachmentURL)
	}
	if err != nil {
		return b, err
	}
	b = strconv.AppendBool(append(b, `,"read":`...), m.Read)
	b = appendTime(append(b, `,"created_at":`...), m.CreatedAt)
	return append(b, '}'), nil
}

func appendConversation(b []byte, c *Conversation) ([]byte, error) {
	b = appendID(append(b, `{"id":`...), c.ID)
	b = appendID(append(b, `,"voyager_id":`...), c.VoyagerID)
	b = appendID(append(b, `,"local_id":`...), c.LocalID)
	b = appendTime(append(b, `,"created_at":`...), c.CreatedAt)
	b = appendID(append(b, `,"other":{"user_id":`...), c.Other.UserID)
	b, err := appendOrNull(append(b, `,"first_name":`...), c.Other.FirstName)
	if err == nil {
		b, err = appendOrNull(append(b, `,"image_url":`...), c.Other.ImageURL)
	}
	b = append(b, `},"last_message":`...)
	switch {
	case err != nil:
	case c.LastMessage == nil:
		b = append(b, "null"...)
	default:
		b, err = appendMessage(b, c.LastMessage)
	}
	if err != nil {
		return b, err
	}
	b = strconv.AppendInt(append(b, `,"unread_count":`...), int64(c.UnreadCount), 10)
	b = strconv.AppendBool(append(b, `,"closed":`...), c.Closed)
	return append(b, '}'), nil
}

func appendMatch(b []byte, m *Match) ([]byte, error) {
	b, err := appendPublicProfile(append(b, `{"profile":`...), &m.Profile)
	if err == nil {
		b, err = appendInterests(append(b, `,"shared_interests":`...), m.SharedInterests)
	}
	if err != nil {
		return b, err
	}
	b = strconv.AppendInt(append(b, `,"score":`...), int64(m.Score), 10)
	return append(b, '}'), nil
}

func appendPublicProfile(b []byte, p *PublicProfile) (_ []byte, err error) {
	if b = append(b, `{"id":`...); p.ID == nil {
		b = append(b, "null"...)
	} else {
		b = appendID(b, *p.ID)
	}
	b = appendID(append(b, `,"user_id":`...), p.UserID)
	if b, err = appendOrNull(append(b, `,"first_name":`...), p.FirstName); err != nil {
		return b, err
	}
	if b = append(b, `,"age":`...); p.Age == nil {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, int64(*p.Age), 10)
	}
	for _, text := range [...]struct {
		name  string
		value *string
	}{{`,"biography":`, p.Biography}, {`,"country":`, p.Country}, {`,"city":`, p.City}, {`,"image_url":`, p.ImageURL}} {
		if b, err = appendOrNull(append(b, text.name...), text.value); err != nil {
			return b, err
		}
	}
	b = strconv.AppendBool(append(b, `,"is_searchable":`...), p.IsSearchable)
	if p.Interests != nil {
		if b, err = appendInterests(append(b, `,"interests":`...), p.Interests); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

func appendInterests(b []byte, all []Interest) (_ []byte, err error) {
	b = append(b, '[')
	for n, i := range all {
		if n > 0 {
			b = append(b, ',')
		}
		b = appendID(append(b, `{"id":`...), i.ID)
		if b, err = jsontext.AppendQuote(append(b, `,"name":`...), i.Name); err == nil {
			b, err = appendOrNull(append(b, `,"icon":`...), i.Icon)
		}
		if err != nil {
			return b, err
		}
		b = append(strconv.AppendBool(append(b, `,"is_active":`...), i.IsActive), '}')
	}
	return append(b, ']'), nil
}

// appendPage returns a function that appends a page of items that item appends.
func appendPage[T any](item func(b []byte, v *T) ([]byte, error)) func(b []byte, p *Page[T]) ([]byte, error) {
	return func(b []byte, p *Page[T]) (_ []byte, err error) {
		b = append(b, `{"items":[`...)
		for i := range p.Items {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = item(b, &p.Items[i]); err != nil {
				return b, err
			}
		}
		b = append(b, ']')
		if p.NextCursor != "" {
			if b, err = jsontext.AppendQuote(append(b, `,"next_cursor":`...), p.NextCursor); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	}
}

func appendID[E any](b []byte, i id.ID[E]) []byte {
	b, _ = i.AppendText(append(b, '"')) // it never fails
	return append(b, '"')
}

func appendTime(b []byte, t Time) []byte {
	b, _ = t.AppendText(append(b, '"')) // it never fails
	return append(b, '"')
}

func appendOrNull(b []byte, s *string) ([]byte, error) {
	if s == nil {
		return append(b, "null"...), nil
	}
	return jsontext.AppendQuote(b, *s)
}
