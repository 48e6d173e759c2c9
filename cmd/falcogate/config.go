package main

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envPrefix begins every environment variable that configures falcogate.
const envPrefix = "FALCOGATE_"

// serviceLink matches the variables that the kubelet puts into every pod of a
// namespace with a Service called falcogate or falcogate-something. They are not
// configuration.
var serviceLink = regexp.MustCompile(`^(.+_)?(SERVICE_(HOST|PORT)(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_.*)?)?)$`)

// configure sets the flags of cmd that the command line left alone from the
// environment, and those that neither sets from the YAML file (empty: no file).
// A key that is no flag is an error that names it. Values go through the flags,
// so that each is checked by the same code wherever it comes from.
func configure(cmd *cobra.Command, environ []string, path string) error {
	flags := cmd.Flags()
	settings := koanf.New(".")
	origin := map[string]string{}

	if path != "" {
		fromFile := koanf.New(".")
		if err := fromFile.Load(file.Provider(path), yaml.Parser()); err != nil {
			return usagef("config file %s: %w", path, err)
		}
		for _, key := range fromFile.Keys() {
			if f := flags.Lookup(key); f == nil || unconfigurable(key) {
				return usagef("config file %s: unknown key %q: keys are the flags of %q without their dashes", path, key, cmd.CommandPath())
			}
			origin[key] = "config file " + path
		}
		if err := settings.Merge(fromFile); err != nil {
			return usagef("config file %s: %w", path, err)
		}
	}

	fromEnv := koanf.New(".")
	var unknown []string
	err := fromEnv.Load(env.Provider(".", env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			suffix := strings.TrimPrefix(name, envPrefix)
			key := strings.ToLower(strings.ReplaceAll(suffix, "_", "-"))
			switch {
			case value == "", serviceLink.MatchString(suffix): // empty counts as not set
				return "", nil
			case !knownAnywhere(cmd, key):
				unknown = append(unknown, name)
				return "", nil
			case flags.Lookup(key) == nil || unconfigurable(key) || onlyGiven(flags.Lookup(key)):
				return "", nil // another command's
			}
			origin[key] = "environment variable " + name
			return key, value
		},
	}), nil)
	if err != nil {
		return usagef("environment: %w", err)
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return usagef("environment variable %s is not known: variables are %s and a flag's name in upper case with _ for -", unknown[0], envPrefix)
	}
	if err := settings.Merge(fromEnv); err != nil {
		return usagef("environment: %w", err)
	}

	for _, key := range settings.Keys() {
		f := flags.Lookup(key)
		if f.Changed {
			continue
		}
		if err := setFlag(flags, f, settings.Get(key)); err != nil {
			return usagef("%s: %s: %w", origin[key], key, err)
		}
	}
	return nil
}

// environment is the value of a variable that no flag has, or empty.
func environment(environ []string, variable string) (value string) {
	for _, set := range environ {
		if name, v, _ := strings.Cut(set, "="); name == variable {
			value = v
		}
	}
	return value
}

// unconfigurable are flags that make sense on the command line alone.
func unconfigurable(name string) bool {
	return name == "help" || name == "config" || name == "print-config"
}

// knownAnywhere reports whether any command has a flag of that name. One
// environment serves all commands.
func knownAnywhere(cmd *cobra.Command, name string) bool {
	return hasFlag(cmd.Root(), name)
}

// hasFlag reports whether a command or one below it has a flag of that name.
func hasFlag(cmd *cobra.Command, name string) bool {
	return cmd.Flags().Lookup(name) != nil || slices.ContainsFunc(cmd.Commands(), func(c *cobra.Command) bool { return hasFlag(c, name) })
}

// givenAnnotation marks flags that the environment does not set, because their name
// means something else to another command.
const givenAnnotation = "falcogate/only-given"

// giveOnly marks a flag so.
func giveOnly(f *pflag.Flag) { f.Annotations = map[string][]string{givenAnnotation: {"true"}} }

func onlyGiven(f *pflag.Flag) bool { return f.Annotations[givenAnnotation] != nil }

// setFlag sets f from a value of a YAML file or of the environment, where a
// list is written with commas.
func setFlag(flags *pflag.FlagSet, f *pflag.Flag, value any) error {
	list, isList := f.Value.(pflag.SliceValue)
	switch v := value.(type) {
	case []any:
		if !isList {
			return fmt.Errorf("have a list, want one value")
		}
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = fmt.Sprint(item)
		}
		return list.Replace(items)
	case map[string]any:
		return fmt.Errorf("have a map, want a value")
	case nil:
		return fmt.Errorf("has no value")
	default:
		if isList {
			return list.Replace(strings.FieldsFunc(fmt.Sprint(v), func(r rune) bool { return r == ',' }))
		}
		return flags.Set(f.Name, fmt.Sprint(v))
	}
}

// redacted hides the password in a URL, or in each of several.
func redacted(value string) string {
	parts := strings.Split(value, ",")
	for i, part := range parts {
		if u, err := url.Parse(part); err == nil && u.User != nil {
			parts[i] = u.Redacted()
		}
	}
	return strings.Join(parts, ",")
}

// printConfig renders the effective configuration as a YAML file that
// --config reads back, with the passwords in URLs left out.
func printConfig(flags *pflag.FlagSet) ([]byte, error) {
	settings := map[string]any{}
	flags.VisitAll(func(f *pflag.Flag) {
		switch list, isList := f.Value.(pflag.SliceValue); {
		case unconfigurable(f.Name):
		case isList:
			settings[f.Name] = list.GetSlice()
		case f.Value.Type() == "bool":
			settings[f.Name] = f.Value.String() == "true"
		default:
			settings[f.Name] = redacted(f.Value.String())
		}
	})
	return yaml.Parser().Marshal(settings)
}
