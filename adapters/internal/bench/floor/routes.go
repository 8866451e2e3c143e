package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

type floor struct {
	pool      *pgxpool.Pool
	key       []byte
	interests []interest // by the number of their bit
	zero      string     // a bit string with no interest
}

func (f *floor) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/conversations/{id}/messages", f.with(f.send))
	mux.HandleFunc("POST /bare/v1/conversations/{id}/messages", f.with(f.sendBare))
	mux.HandleFunc("POST /v1/conversations/{id}/read", f.with(f.mark))
	mux.HandleFunc("GET /v1/conversations/{id}/messages", f.with(f.list))
	mux.HandleFunc("GET /v1/conversations", f.with(f.conversations))
	mux.HandleFunc("GET /v1/wallet", f.with(f.wallet))
	mux.HandleFunc("GET /v1/matches", f.with(f.matches))
	return mux
}

// caller has the claims of an access token.
type caller struct {
	Session string `json:"sid"`
	User    string `json:"sub"`
	Expires int64  `json:"exp"`
}

var errToken = errors.New("the access token is not valid")

// verify verifies an access token of Cicerone.
func (f *floor) verify(r *http.Request) (c caller, err error) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	signed := token[:max(strings.LastIndexByte(token, '.'), 0)]
	mac := hmac.New(sha256.New, f.key)
	mac.Write([]byte(signed))
	_, claims, _ := strings.Cut(signed, ".")
	sum, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token[len(signed):], "."))
	if err != nil || !hmac.Equal(sum, mac.Sum(nil)) {
		return c, errToken
	}
	b, err := base64.RawURLEncoding.DecodeString(claims)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || time.Now().Unix() >= c.Expires {
		return c, errToken
	}
	return c, nil
}

// with makes a handler of a function that returns the answer. No row means that the session has
// ended, or that what the request names is not the caller's.
func (f *floor) with(do func(ctx context.Context, c caller, r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := f.verify(r)
		var answer any
		if err == nil {
			answer, err = do(r.Context(), c, r)
		}
		status := http.StatusOK
		switch {
		case errors.Is(err, errToken):
			status = http.StatusUnauthorized
		case errors.Is(err, pgx.ErrNoRows):
			status = http.StatusNotFound
		case err != nil:
			status = http.StatusInternalServerError
		case r.Method == http.MethodPost && !strings.HasSuffix(r.URL.Path, "/read"):
			status = http.StatusCreated
		}
		if err != nil {
			http.Error(w, err.Error(), status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer) // the client has gone
	}
}

// message is a message as clients get it.
type message struct {
	ID             uuid.UUID `json:"id"`
	ConversationID string    `json:"conversation_id"`
	UserID         uuid.UUID `json:"user_id"`
	Content        string    `json:"content"`
	Attachment     *string   `json:"attachment"`
	AttachmentURL  *string   `json:"attachment_url"`
	Read           bool      `json:"read"`
	CreatedAt      time.Time `json:"created_at"`
}

// draft reads a request, and makes the message and the id of its transaction.
func draft(c caller, r *http.Request) (m message, transaction uuid.UUID, err error) {
	m.ConversationID, m.CreatedAt = r.PathValue("id"), time.Now().UTC().Truncate(time.Millisecond)
	if err = json.NewDecoder(r.Body).Decode(&m); err == nil {
		m.UserID, err = uuid.Parse(c.User)
	}
	if err == nil {
		m.ID, err = uuid.NewV7()
	}
	if err == nil {
		transaction, err = uuid.NewV7()
	}
	return m, transaction, err
}

func (f *floor) send(ctx context.Context, c caller, r *http.Request) (any, error) {
	m, transaction, err := draft(c, r)
	if err != nil {
		return nil, err
	}
	event, changed := uuid.New(), uuid.New()
	args := []any{c.Session, m.ConversationID, m.ID, transaction, m.Content, m.CreatedAt, event, changed}
	statement := send
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		fingerprint := sha256.Sum256([]byte(m.ConversationID + m.Content))
		statement, args = sendOnce, append(args, key, fingerprint[:])
	}
	err = f.pool.QueryRow(ctx, statement, args...).Scan(&m.CreatedAt)
	return m, err
}

func (f *floor) sendBare(ctx context.Context, c caller, r *http.Request) (any, error) {
	m, transaction, err := draft(c, r)
	if err == nil {
		err = f.pool.QueryRow(ctx, sendBare, m.UserID, m.ConversationID, m.ID, transaction, m.Content, m.CreatedAt).Scan(&m.CreatedAt)
	}
	return m, err
}

func (f *floor) mark(ctx context.Context, c caller, r *http.Request) (any, error) {
	var last struct {
		UpTo uuid.UUID `json:"up_to"`
	}
	if err := json.NewDecoder(r.Body).Decode(&last); err != nil {
		return nil, err
	}
	var read struct {
		Marked int64 `json:"marked"`
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	err := f.pool.QueryRow(ctx, mark, c.Session, r.PathValue("id"), last.UpTo, now, uuid.New()).Scan(&read.Marked)
	return read, err
}

// page is a page as clients get it.
type page[T any] struct {
	Items []T `json:"items"`
}

// read reads a page. Without rows it returns pgx.ErrNoRows.
func read[T any](
	ctx context.Context, f *floor, scan func(pgx.CollectableRow) (T, error), statement string, args ...any,
) (page[T], error) {
	rows, err := f.pool.Query(ctx, statement, args...)
	if err != nil {
		return page[T]{}, err
	}
	items, err := pgx.CollectRows(rows, scan)
	if err == nil && len(items) == 0 {
		err = pgx.ErrNoRows
	}
	return page[T]{items}, err
}

func (f *floor) list(ctx context.Context, c caller, r *http.Request) (any, error) {
	return read(ctx, f, func(row pgx.CollectableRow) (m message, err error) {
		return m, row.Scan(&m.ID, &m.ConversationID, &m.UserID, &m.Content, &m.Attachment, &m.Read, &m.CreatedAt)
	}, list, c.Session, r.PathValue("id"))
}

// person is the other participant of a conversation.
type person struct {
	UserID    uuid.UUID `json:"user_id"`
	FirstName *string   `json:"first_name"`
	ImageURL  *string   `json:"image_url"`
}

// conversation is a conversation as clients get it.
type conversation struct {
	ID          uuid.UUID `json:"id"`
	VoyagerID   uuid.UUID `json:"voyager_id"`
	LocalID     uuid.UUID `json:"local_id"`
	CreatedAt   time.Time `json:"created_at"`
	Other       person    `json:"other"`
	LastMessage message   `json:"last_message"`
	UnreadCount int       `json:"unread_count"`
	Closed      bool      `json:"closed"`
}

func (f *floor) conversations(ctx context.Context, c caller, _ *http.Request) (any, error) {
	return read(ctx, f, func(row pgx.CollectableRow) (talk conversation, err error) {
		m := &talk.LastMessage
		err = row.Scan(&talk.ID, &talk.VoyagerID, &talk.LocalID, &talk.CreatedAt, &talk.Other.UserID, &talk.Other.FirstName,
			&talk.Other.ImageURL, &talk.Closed, &talk.UnreadCount, &m.ID, &m.UserID, &m.Content, &m.Attachment, &m.Read, &m.CreatedAt)
		m.ConversationID = talk.ID.String()
		return talk, err
	}, conversations, c.Session)
}

func (f *floor) wallet(ctx context.Context, c caller, _ *http.Request) (any, error) {
	var wallet struct {
		Balance int64 `json:"balance"`
		Held    int64 `json:"held"`
	}
	err := f.pool.QueryRow(ctx, funds, c.Session).Scan(&wallet.Balance, &wallet.Held)
	return wallet, err
}
