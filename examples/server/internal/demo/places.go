package demo

// city is a place where locals live.
type city struct {
	name, country string
	utc           int      // offset of its clocks in hours
	first, last   []string // names of people there
	corners       []string // places to which a local takes a visitor
}

var cities = []city{
	{
		name: "Lisbon", country: "Portugal",
		first:   []string{"Leonor", "João", "Marta", "Tiago", "Beatriz"},
		last:    []string{"Almeida", "Carvalho", "Ferreira", "Nogueira", "Pinto"},
		corners: []string{"Alfama", "the LX Factory", "the river at Belém", "Graça"},
	},
	{
		name: "Kyoto", country: "Japan", utc: 9,
		first:   []string{"Haruka", "Kenji", "Yui", "Sota", "Akiko"},
		last:    []string{"Nakamura", "Tanaka", "Fujita", "Mori", "Ishikawa"},
		corners: []string{"Nishiki Market", "the Philosopher's Path", "Fushimi", "the Kamo river"},
	},
	{
		name: "Mexico City", country: "Mexico", utc: -6,
		first:   []string{"Valeria", "Diego", "Ximena", "Emiliano", "Lucía"},
		last:    []string{"Hernández", "Ramírez", "Castillo", "Ortega", "Fuentes"},
		corners: []string{"Coyoacán", "Roma Norte", "the Mercado Jamaica", "Xochimilco"},
	},
	{
		name: "Istanbul", country: "Türkiye", utc: 3,
		first:   []string{"Elif", "Emre", "Zeynep", "Deniz", "Mert"},
		last:    []string{"Kaya", "Demir", "Arslan", "Polat", "Çelik"},
		corners: []string{"Kadıköy", "Balat", "the ferry to Üsküdar", "Moda"},
	},
	{
		name: "Kraków", country: "Poland", utc: 1,
		first:   []string{"Zofia", "Kacper", "Hanna", "Piotr", "Magda"},
		last:    []string{"Nowak", "Mazur", "Wrona", "Duda", "Kowalczyk"},
		corners: []string{"Kazimierz", "Podgórze", "the Planty", "Nowa Huta"},
	},
	{
		name: "Marrakesh", country: "Morocco", utc: 1,
		first:   []string{"Salma", "Youssef", "Imane", "Karim", "Nadia"},
		last:    []string{"Benali", "Tazi", "Alaoui", "Idrissi", "Chraibi"},
		corners: []string{"the Mellah", "Guéliz", "the Medina", "the palm grove"},
	},
	{
		name: "Hanoi", country: "Vietnam", utc: 7,
		first:   []string{"Linh", "Minh", "Thu", "Quang", "Mai"},
		last:    []string{"Nguyen", "Tran", "Pham", "Hoang", "Vu"},
		corners: []string{"the Old Quarter", "West Lake", "Long Bien", "Truc Bach"},
	},
	{
		name: "Buenos Aires", country: "Argentina", utc: -3,
		first:   []string{"Camila", "Martín", "Sofía", "Joaquín", "Julieta"},
		last:    []string{"Álvarez", "Romero", "Molina", "Sosa", "Ferrari"},
		corners: []string{"San Telmo", "Almagro", "Chacarita", "the Costanera Sur"},
	},
}

// homes are the places where the travellers live.
var homes = []city{
	{name: "Toronto", country: "Canada", corners: []string{"Kensington Market"}},
	{name: "Manchester", country: "United Kingdom", corners: []string{"Ancoats"}},
	{name: "Portland", country: "United States", corners: []string{"Alberta Street"}},
	{name: "Melbourne", country: "Australia", corners: []string{"Fitzroy"}},
	{name: "Dublin", country: "Ireland", corners: []string{"Stoneybatter"}},
	{name: "Wellington", country: "New Zealand", corners: []string{"Cuba Street"}},
}

// interest is an interest with its icon.
type interest struct{ name, icon string }

var interests = []interest{
	{"Architecture", "🏗️"}, {"Birdwatching", "🐦"}, {"Board games", "🎲"}, {"Books", "📚"},
	{"Climbing", "🧗"}, {"Coffee", "☕"}, {"Cooking", "🍳"}, {"Crafts", "🧵"},
	{"Cycling", "🚲"}, {"Dancing", "💃"}, {"Football", "⚽"}, {"Gardens", "🌿"},
	{"Hiking", "🥾"}, {"History", "🏛️"}, {"Kayaking", "🛶"}, {"Languages", "💬"},
	{"Live music", "🎶"}, {"Museums", "🖼️"}, {"Photography", "📷"}, {"Street art", "🎨"},
	{"Street food", "🍜"}, {"Swimming", "🏊"}, {"Wine", "🍷"}, {"Yoga", "🧘"},
}

// The biographies. {a} and {b} are two interests of the person, {A} is {a} with a capital letter,
// {city} is the place where the person lives, and {corner} a place there.
var (
	localBiographies = []string{
		"Born in {city}, and I still find corners of it that I did not know. Ask me about {a} or {b}.",
		"I teach at a school near {corner}. My weekends belong to {a}, and to people who are curious about it.",
		"Came to {city} to study, stayed for {a}. I like slow walks, long talks, and {b}.",
		"Nurse by day. For rest there is {a}, for company {b}. We can begin with a walk through {corner}.",
		"My grandparents had a shop in {corner}. I know everybody there, and where to go for {a}.",
		"I write software and need to get out. {A}, {b}, or just the best lunch within ten minutes of {corner}.",
	}
	travellerBiographies = []string{
		"Two weeks off, one small bag. I travel for {a}, and {b} when it rains.",
		"I would rather have one good afternoon of {a} with somebody who lives there than ten sights.",
		"From {city}. Between two jobs, and catching up on {a} and {b}, one city at a time.",
		"Always early for the train. {A} first, then {b}, then a nap.",
	}
)
