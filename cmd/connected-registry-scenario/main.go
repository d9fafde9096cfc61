// Command connected-registry-scenario is the program at the top of the repository under
// its full name: go install calls a binary after its folder, and that one's is scenario.
package main

import "github.com/connected-registry/scenario/plugin"

func main() { plugin.Execute() }
