package mapping_test

import (
	"fmt"

	"ccdirsync/mapping"
)

// Names are split as cc:Mail's users write them, with and without a comma.
func ExampleSplitName() {
	for _, name := range []string{"Kirk, James T.", "Ludwig van Beethoven", "Plato"} {
		n := mapping.SplitName(name)
		fmt.Printf("%q %q %q\n", n.First, n.Initials, n.Last)
	}
	// Output:
	// "James" "T." "Kirk"
	// "Ludwig van" "" "Beethoven"
	// "" "" "Plato"
}

// Everything that is wrong with the rules is told at once, with its place.
func ExampleCompile() {
	_, err := mapping.Compile(mapping.Settings{DisplayName: "%F %Q", FilterMode: "only"})
	fmt.Println(err)
	// Output:
	// mapping.exchange.display_name: column 5: found 'Q' after "%", expected a width or a letter: known are %F (first name), %L (last name), %I (initials); a percent sign is %%
	// exchange.import.filter.formats: the mode is only, but there are no formats: add a format such as "* at NORTHHUB", or set the mode to all
}
