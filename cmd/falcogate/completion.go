package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

// addCompletion adds the command that writes scripts for shells, and says what is offered
// for flags and arguments.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		// Without this a typo is the help text, and no error.
		cmd.RunE = func(*cobra.Command, []string) error { return usagef("completion: want bash, zsh, fish or powershell") }
		cmd.Example = "  source <(falcogate completion bash)"
		for _, shell := range cmd.Commands() {
			shell.Example = "  falcogate completion " + shell.Name()
		}
	}
	completeFlags(root)
}

// completeFlags says for each flag of a command and of those below it what a shell offers
// as its value: words where it takes one of a few, files and directories where it names
// one, and nothing elsewhere. It goes by how the flags are registered, so that a new one
// needs no line here. Arguments are completed where a command says how.
func completeFlags(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if complete := completionOf(f); complete != nil && cmd.Flag(f.Name) != nil {
			// It has one already when it was registered for a parent.
			_ = cmd.RegisterFlagCompletionFunc(f.Name, complete)
		}
	})
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, sub := range cmd.Commands() {
		completeFlags(sub)
	}
}

// completionOf is what is offered for a flag; nil offers files.
func completionOf(f *pflag.Flag) cobra.CompletionFunc {
	if choice, ok := f.Value.(*choiceValue); ok {
		return words(choice.choices...)
	}
	value, _ := pflag.UnquoteUsage(f)
	switch value {
	case "priority":
		var names []string
		for _, p := range correlate.Priorities {
			names = append(names, strings.ToLower(p.String()))
		}
		return words(names...)
	case "level":
		return words("debug", "info", "warn", "error")
	case "state":
		var states []string
		for _, s := range verifier.GateStates {
			states = append(states, string(s))
		}
		return words(states...)
	case "directory":
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	case "file":
		return nil
	}
	return cobra.NoFileCompletions
}

// words offers a few, in their order.
func words(all ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		fitting := slices.DeleteFunc(slices.Clone(all), func(word string) bool { return !strings.HasPrefix(word, begun) })
		return fitting, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// completeFiles offers files for the one argument that a command has.
func completeFiles(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}
