package demo

// talk is a conversation that leads to an activity. A line begins with v: if the voyager says it,
// and with l: if the local does. {voyager}, {local}, {city} and {corner} are replaced.
type talk struct {
	about string // an interest
	lines []string
	title string
	price string
	hour  int // of the day, in the city's time
	hours int // how long it takes
}

var talks = []talk{
	{
		about: "Street food", title: "An evening of street food", price: "24.00", hour: 18, hours: 3,
		lines: []string{
			"v: Hi {local}! I am in {city} next week and would love to eat where you eat. Do you take people along?",
			"l: Hello {voyager}, gladly. Is there anything you do not eat?",
			"v: No shellfish, everything else is welcome. The stranger the better.",
			"l: Then come hungry. We start at {corner} and do five or six small places, nothing with a menu in English.",
			"v: Perfect. I will skip lunch.",
		},
	},
	{
		about: "Photography", title: "Photo walk at first light", price: "18.50", hour: 5, hours: 2,
		lines: []string{
			"v: Your profile says photography. Film or digital?",
			"l: Both, but I only take the film camera out before breakfast. The light at {corner} is worth getting up for.",
			"v: How early is early?",
			"l: We would meet twenty minutes before sunrise. You will have the place to yourself.",
			"v: All right, I am in. I will bring a 35 and a thermos.",
		},
	},
	{
		about: "Hiking", title: "A day in the hills outside town", price: "32.00", hour: 9, hours: 7,
		lines: []string{
			"v: Is there a decent hike within reach of {city} without a car?",
			"l: There is: an hour by bus, then about fourteen kilometres. Are your knees good with a long way down?",
			"v: They complain, but they do it.",
			"l: I will lend you poles. We are back for dinner, and there is a spring halfway.",
			"v: That sounds like exactly my day.",
			"l: Bring something warm for the top, it is windy up there even in summer.",
		},
	},
	{
		about: "Coffee", title: "Three cafés and the stories behind them", price: "12.00", hour: 10, hours: 2,
		lines: []string{
			"v: Serious question: where is the best coffee in {city}?",
			"l: Serious answer: it depends who is behind the bar that day. I know three who never disappoint.",
			"v: Could you show me all three, or is that a heart attack?",
			"l: We share cups. One of them roasts in the back room at {corner} and lets us watch if we are polite.",
			"v: I can be very polite for that.",
		},
	},
	{
		about: "History", title: "The city that is not in the guidebook", price: "20.00", hour: 14, hours: 3,
		lines: []string{
			"v: I have read two books about {city} and have more questions than before.",
			"l: That is how it should be. Which part?",
			"v: Mostly how people lived, not who was king.",
			"l: Then we leave the big square to the others. I would start at {corner}, there is a courtyard nobody looks into.",
			"v: May I bring my list of questions?",
			"l: Bring it. I will say so when I do not know.",
		},
	},
	{
		about: "Live music", title: "A night of small stages", price: "22.50", hour: 20, hours: 4,
		lines: []string{
			"v: Is anybody good playing this weekend? I mean small rooms, no stadiums.",
			"l: Saturday, yes. A trio that I have followed for years, in a room for forty people near {corner}.",
			"v: Do I need a ticket?",
			"l: I know the woman at the door. Afterwards we go where the musicians go.",
			"v: You had me at trio.",
		},
	},
	{
		about: "Cycling", title: "Across town on two wheels", price: "16.00", hour: 16, hours: 3,
		lines: []string{
			"v: Would you say {city} is safe to cycle in? Honestly.",
			"l: Honestly: on some streets. I know which, and I ride in front.",
			"v: Where could I get a bike?",
			"l: My sister's is your size if you are between 165 and 180. Helmet included.",
			"v: 172. Tell your sister thank you!",
			"l: Then {corner} and back along the water, with a stop for something cold.",
		},
	},
	{
		about: "Cooking", title: "Market and stove: we cook together", price: "38.00", hour: 9, hours: 4,
		lines: []string{
			"v: Do you really teach people to cook your grandmother's recipes?",
			"l: The three that she wrote down. For the others I am not allowed.",
			"v: Which one is the least difficult?",
			"l: None is difficult, they just take patience. We buy everything in the morning at {corner}.",
			"v: I have patience and a very blunt knife.",
			"l: Leave the knife at home.",
		},
	},
	{
		about: "Street art", title: "Walls worth crossing the street for", price: "14.00", hour: 15, hours: 2,
		lines: []string{
			"v: I keep seeing the same signature on walls here, a little fox. Do you know it?",
			"l: Everybody does and nobody says who. There are nine left, I can show you six.",
			"v: What happened to the others?",
			"l: Painted over. That is the game. The newest is behind {corner}, since Tuesday.",
			"v: Let's go before somebody paints over that one as well.",
		},
	},
	{
		about: "Languages", title: "A language tandem with a walk", price: "8.00", hour: 17, hours: 1,
		lines: []string{
			"v: I have been learning your language for a year and have never spoken it to anybody. Would you put up with me?",
			"l: With pleasure! Half an hour yours, half an hour mine?",
			"v: Deal. Please correct me, my teacher is far too kind.",
			"l: I will, but kindly. We can walk around {corner}, then you have something to talk about.",
		},
	},
	{
		about: "Gardens", title: "Hidden gardens, and who keeps them", price: "15.00", hour: 11, hours: 2,
		lines: []string{
			"v: Somebody told me there are gardens in {city} that one only sees from inside.",
			"l: There are, and you have to know which bell to ring. I know four.",
			"v: Is it a good time of year for them?",
			"l: Two weeks ago was better, in two weeks it is worse. So: now. One is just behind {corner}.",
			"v: Should I bring something for the people who open the door?",
			"l: Something sweet never hurt.",
		},
	},
	{
		about: "Football", title: "A match among the locals", price: "27.00", hour: 15, hours: 3,
		lines: []string{
			"v: I want to see a match, but not with the tourists.",
			"l: Second division, standing room, and the best sandwiches in {city}. Interested?",
			"v: Very. What colour must I not wear?",
			"l: Green. Please, no green. I have a spare scarf.",
			"v: Then I will leave my raincoat at home and hope.",
		},
	},
}

// The last lines of a conversation, after an activity and after one that does not take place.
var (
	thanks = [][]string{
		{"v: That was the best day of the whole trip. Thank you, {local}!", "l: It was a pleasure. Tell me when you are back in {city}."},
		{"v: I am still thinking about it. I owe you a proper review.", "l: You owe me a postcard, that is all."},
		{"l: I hope you got home well, {voyager}?", "v: I did! Thank you for everything. My friends are jealous."},
	}
	refusals = [][]string{
		{"l: I am sorry, my shift was changed and I cannot make it that day.", "v: No trouble at all. Another time!"},
		{"l: That day is my niece's birthday, I should have looked before. Sorry!", "v: Of course, birthdays go first."},
	}
	regrets = [][]string{
		{"v: My flight was moved and I will not be in {city} after all. I had to cancel, I am sorry.", "l: That happens. You know where to find me."},
		{"v: I have caught a cold and do not want to give it to you. I have cancelled, I hope that is all right.", "l: Get well soon, and drink something hot!"},
	}
)
