package ports

// Kind is the kind of value that a column holds, and the Go type in which a Row carries it.
type Kind int

// The kinds of columns.
const (
	UUID    Kind = iota // [16]byte
	Text                // string
	Int                 // int64
	Bool                // bool
	Time                // time.Time, UTC, milliseconds
	Decimal             // string with two places, like 12.50
	JSON                // string, RFC 8785 canonical form
	Bytes               // []byte
)

// Column is one column of a table, or one field of a document.
type Column struct {
	Name     string
	Kind     Kind
	Nullable bool // absent is nil; in the domain it is the zero value
}

// Table is one table or collection as core/README.md#the-model names it. A store may add columns
// of its own, which it can make from these.
type Table struct {
	Name    string
	Key     int // the first Key columns name a row
	Columns []Column
}

// Row is one row: a value for each column, in the table's order.
type Row []any

// Tables lists every table, each after those it refers to.
var Tables = []*Table{
	Users, Sessions, RefreshTokens, PasswordResets, Wallets, TokenTransactions, Interests, Profiles, ProfileInterests,
	Conversations, Messages, Attachments, Reservations, Reports, Blocks, AuditRecords, IdempotencyRecords, StoreMarks,
}

// The tables.
var (
	Users = table("users", 1,
		col("id", UUID), col("name", Text), null("email", Text), null("password", Text), null("bio", Text),
		null("location", Text), col("role", Text), col("is_active", Bool), col("erased", Bool), col("version", Int),
		col("created_at", Time), col("updated_at", Time))
	Sessions = table("sessions", 1,
		col("id", UUID), col("user_id", UUID), col("created_at", Time), null("revoked_at", Time))
	RefreshTokens = table("refresh_tokens", 1,
		col("hash", Bytes), col("session_id", UUID), col("created_at", Time), col("expires_at", Time), null("used_at", Time))
	PasswordResets = table("password_resets", 1,
		col("user_id", UUID), col("hash", Bytes), col("expires_at", Time))
	// A wallet's seq is the last that it gave out.
	Wallets = table("wallets", 1,
		col("id", UUID), col("user_id", UUID), col("balance", Int), col("seq", Int), col("closed", Bool))
	TokenTransactions = table("token_transactions", 2,
		col("user_id", UUID), col("seq", Int), col("id", UUID), col("amount", Int), col("type", Text), col("reason", Text),
		col("metadata", JSON), col("balance_before", Int), col("balance_after", Int), col("created_at", Time))
	Interests = table("interests", 1,
		col("id", UUID), col("name", Text), null("icon", Text), col("is_active", Bool))
	Profiles = table("profiles", 1,
		col("id", UUID), col("user_id", UUID), null("first_name", Text), null("last_name", Text), null("age", Int),
		null("biography", Text), null("country", Text), null("city", Text), null("image_url", Text), col("is_searchable", Bool))
	ProfileInterests = table("profile_interests", 2,
		col("profile_id", UUID), col("interest_id", UUID))
	Conversations = table("conversations", 1,
		col("id", UUID), col("voyager_id", UUID), col("local_id", UUID), col("created_at", Time))
	// A message's attachment is the media type of the image that stands in attachments.
	Messages = table("messages", 1,
		col("id", UUID), col("conversation_id", UUID), col("user_id", UUID), col("content", Text), null("attachment", Text),
		col("read", Bool), col("created_at", Time))
	Attachments = table("attachments", 1,
		col("message_id", UUID), col("media_type", Text), col("bytes", Bytes))
	Reservations = table("reservations", 1,
		col("id", UUID), col("conversation_id", UUID), col("voyager_id", UUID), col("local_id", UUID), col("creator_id", UUID),
		col("title", Text), col("price", Decimal), col("tokens", Int), col("date", Time), col("end_date", Time),
		col("status", Text), col("created_at", Time), col("updated_at", Time))
	Reports = table("reports", 1,
		col("id", UUID), col("reporter_id", UUID), col("reported_user_id", UUID), col("reason", Text), null("message", Text),
		col("status", Text), null("reviewed_by", UUID), null("admin_notes", Text), null("reviewed_at", Time), col("created_at", Time))
	Blocks = table("blocks", 2,
		col("user_id", UUID), col("blocked_user_id", UUID), col("created_at", Time))
	AuditRecords = table("audit_records", 1,
		col("id", UUID), null("actor_id", UUID), col("action", Text), col("subject_id", UUID), null("reason", Text),
		col("details", JSON), col("created_at", Time))
	IdempotencyRecords = table("idempotency_records", 2,
		col("owner", Text), col("key", Text), col("fingerprint", Bytes), col("answer", Bytes), col("created_at", Time))
	StoreMarks = table("store_marks", 1,
		col("name", Text), col("created_at", Time))
)

func table(name string, key int, columns ...Column) *Table {
	return &Table{Name: name, Key: key, Columns: columns}
}

func col(name string, kind Kind) Column  { return Column{Name: name, Kind: kind} }
func null(name string, kind Kind) Column { return Column{Name: name, Kind: kind, Nullable: true} }
