package events

import (
	"encoding/json"
	"maps"
	"slices"
)

// Raw is the JSON of an event that this version of the program does not know: its type or its
// version is newer, or its JSON has another form. No use case adds one.
type Raw string

func (Raw) about() (Type, Aggregate) { return "", "" }

// kinds lists each version of each type that can be read; the last one of a type is its present one.
var kinds = []kind{
	known[UserSignedUp](1), known[UserVerified](1), known[UserErased](1), known[UserSanctioned](1), known[UserDeactivated](1),
	known[UserReactivated](1), known[ProfileChanged](1), known[InterestChanged](1), known[ConversationOpened](1),
	known[MessageSent](1), known[MessageRead](1), known[ReservationProposed](1), known[ReservationAccepted](1),
	known[ReservationDeclined](1), known[ReservationCancelled](1), known[ReservationExpired](1),
	known[ReservationCompleted](1), known[ReservationReminded](1), known[WalletChanged](1), known[BlockAdded](1),
	known[BlockRemoved](1), known[MailRequested](1), known[ReportFiled](1), known[ReportMoved](1), known[Deferred](1),
}

// kind is one version of a type.
type kind struct {
	form
	decode func(data string) (Data, bool)
}

type form struct {
	t       Type
	version int64
}

func known[D Data](version int64) kind {
	var d D
	t, _ := d.about()
	return kind{form{t, version}, decode[D]}
}

var (
	versions = map[Type]int64{} // the present ones
	decoders = map[form]func(data string) (Data, bool){}
)

func init() {
	for _, k := range kinds {
		versions[k.t], decoders[k.form] = k.version, k.decode
	}
}

// Types returns every type of event that a subscriber may handle, in ascending order.
func Types() []Type {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(versions)), func(t Type) bool { return t == TypeDeferred })
}

// Valid reports whether a subscriber may handle events of the type.
func (t Type) Valid() bool { return versions[t] > 0 && t != TypeDeferred }

func decode[D Data](data string) (Data, bool) {
	var d D
	if err := json.Unmarshal([]byte(data), &d); err != nil {
		return nil, false
	}
	return d, Encode(d) == data
}

// Encode returns the JSON of data, in canonical form. Stores keep it.
func Encode(data Data) string { return string(appendData(make([]byte, 0, usualSize), data)) }

// appendData appends the JSON of data, in canonical form.
func appendData(b []byte, data Data) []byte {
	if raw, ok := data.(Raw); ok {
		return append(b, raw...)
	}
	if written, ok := appendFields(b, data); ok {
		return written
	}
	general, err := json.Marshal(data)
	if err != nil {
		panic(err) // the types of this package have no field that has no JSON
	}
	return append(b, general...)
}

// Decode returns the data that Encode returned for an event of a type and version. It returns a Raw
// if this version of the program does not know it.
func Decode(t Type, version int64, data string) Data {
	f := form{t, version}
	if d, ok := readFields(f, data); ok {
		return d
	}
	if decode, ok := decoders[f]; ok {
		if d, ok := decode(data); ok {
			return d
		}
	}
	return Raw(data)
}
