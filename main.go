// Command connected-registry-scenario makes a written-down security scenario hold
// on a rendered Azure connected registry chart.
package main

import "github.com/connected-registry/scenario/plugin"

func main() { plugin.Execute() }
