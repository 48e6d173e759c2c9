package verifier

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

// What pods a question names, in the words of correlate, or which field is wrong.
func TestPodsScope(t *testing.T) {
	glob := func(pattern string) correlate.Glob {
		g, err := correlate.ParseGlob(pattern)
		require.NoError(t, err)
		return g
	}
	tests := []struct {
		name  string
		pods  Pods
		want  correlate.PodScope // but for Labels
		field string             // of the error
		text  string
	}{
		{"all", Pods{}, correlate.PodScope{}, "", ""},
		{"a name", Pods{Name: "web-*"}, correlate.PodScope{Name: glob("web-*")}, "", ""},
		{"a bad pattern", Pods{Name: "web-["}, correlate.PodScope{}, "pod", "web-["},
		{"an owner", Pods{Owner: "Rollout/web"}, correlate.PodScope{Owner: correlate.Owner{Kind: "rollout", Name: "web"}}, "", ""},
		{"an owner by its short name", Pods{Owner: "deploy/web"}, correlate.PodScope{Owner: correlate.Owner{Kind: "deployment", Name: "web"}}, "", ""},
		{"an owner by its plural", Pods{Owner: "CronJobs/web"}, correlate.PodScope{Owner: correlate.Owner{Kind: "cronjob", Name: "web"}}, "", ""},
		{"an owner without a kind", Pods{Owner: "web"}, correlate.PodScope{}, "owner", `want kind/name such as deployment/web, have "web"`},
		{"an owner of no kind", Pods{Owner: "/web"}, correlate.PodScope{}, "owner", "kind/name"},
		{"an owner without a name", Pods{Owner: "deployment/"}, correlate.PodScope{}, "owner", "kind/name"},
		{"an owner of an owner", Pods{Owner: "deployment/web/1"}, correlate.PodScope{}, "owner", "kind/name"},
		{"a hash", Pods{Hash: "5d8"}, correlate.PodScope{Hash: "5d8"}, "", ""},
		{"no selector", Pods{Selector: "app in ("}, correlate.PodScope{}, "selector", `"app in (" is no label selector`},
		{"a selector of all", Pods{Selector: " "}, correlate.PodScope{}, "selector", "selects all pods"},
		{"a virtual cluster without a namespace", Pods{VCluster: "blue"}, correlate.PodScope{}, "vcluster", "want NAME/NAMESPACE"},
		{"a virtual cluster without a name", Pods{VCluster: "/shop"}, correlate.PodScope{}, "vcluster", "want NAME/NAMESPACE"},
		{"a virtual cluster and no name of a namespace", Pods{VCluster: "blue/"}, correlate.PodScope{}, "vcluster", "want NAME/NAMESPACE"},
		{"a name that no virtual cluster has", Pods{VCluster: "bl ue/shop"}, correlate.PodScope{}, "vcluster", "can be no virtual cluster"},
		{"a selector that is too long", Pods{Selector: strings.Repeat("a", 4097)}, correlate.PodScope{}, "selector", "at most 4096 characters, have 4097"},
		{"an owner that is too long", Pods{Owner: strings.Repeat("a", 4097)}, correlate.PodScope{}, "owner", "at most 4096"},
		{"a hash that is too long", Pods{Hash: strings.Repeat("a", 4097)}, correlate.PodScope{}, "hash", "at most 4096"},
		{"a virtual cluster that is too long", Pods{VCluster: strings.Repeat("a", 4097)}, correlate.PodScope{}, "vcluster", "at most 4096"},
		{"a hash as long as may be", Pods{Hash: strings.Repeat("a", 4096)}, correlate.PodScope{Hash: strings.Repeat("a", 4096)}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			scope, err := tt.pods.scope("a")
			if tt.field != "" {
				var wrong *FieldError
				require.ErrorAs(t, err, &wrong)
				require.Equal(t, tt.field, wrong.Field)
				require.Contains(t, wrong.Detail, tt.text)
				return
			}
			require.NoError(t, err)
			require.Nil(t, scope.Labels)
			tt.want.Namespace = "a"
			require.Equal(t, tt.want, scope)
		})
	}
}

// Which labels a selector and a virtual cluster select.
func TestPodsLabels(t *testing.T) {
	web := correlate.Fields{{Name: "app", Value: "web"}, {Name: "tier", Value: ""}}
	blue := correlate.Fields{{Name: "app", Value: "web"}, {Name: "vcluster.loft.sh/managed-by", Value: "blue"}, {Name: "vcluster.loft.sh/namespace", Value: "shop"}}
	for _, tt := range []struct {
		pods      Pods
		web, blue bool
	}{
		{Pods{Selector: "app=web"}, true, true},
		{Pods{Selector: "app=db"}, false, false},
		{Pods{Selector: "tier"}, true, false},
		{Pods{Selector: "!tier"}, false, true},
		{Pods{Selector: "app in (db, web),tier="}, true, false},
		{Pods{Selector: "app notin (web)"}, false, false},
		{Pods{VCluster: "blue/shop"}, false, true},
		{Pods{VCluster: "red/shop"}, false, false},
		{Pods{VCluster: "blue/db"}, false, false},
		{Pods{VCluster: "blue/shop", Selector: "app=web"}, false, true},
		{Pods{VCluster: "blue/shop", Selector: "app=db"}, false, false},
	} {
		scope, err := tt.pods.scope("a")
		require.NoError(t, err)
		require.Equal(t, [2]bool{tt.web, tt.blue}, [2]bool{scope.Labels(web), scope.Labels(blue)}, "%+v", tt.pods)
	}
}

// Which pods are meant, for people.
func TestPodsWords(t *testing.T) {
	for want, pods := range map[string]Pods{
		"":      {},
		"web-*": {Name: "web-*"},
		"selector app=web, owner deployment/web, hash 5d8, vcluster blue/shop": {Selector: "app=web", Owner: "deployment/web", Hash: "5d8", VCluster: "blue/shop"},
		"name web-*, hash 5d8": {Name: "web-*", Hash: "5d8"},
	} {
		require.Equal(t, want, pods.words())
	}
}
