using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Tenancy;
using Serving.Simulation.Randomness;
using Serving.Simulation.Swarm;

namespace Serving.Simulation.Modules;

/// <summary>
/// The prompt schemas that exist. A schema is a preamble and members with fixed positions: each member stands on the preamble, some on a parent too, some on the one before them as in a
/// scaffold. Schemas share texts, so that equal tokens lie at other positions, on other contexts and with other tenants. The first one is public: its modules are the same for every tenant.
/// </summary>
internal sealed class SchemaLibrary
{
    /// <summary>Schemas of a run.</summary>
    public const int Schemas = 3;

    private const int Members = 5;

    private readonly Schema[] _schemas = new Schema[Schemas];
    private readonly Dictionary<(int Schema, int Member, Digest Adapter, Digest Salt), ModuleRef> _modules = [];
    private readonly HashSet<Digest> _public = [];
    private readonly bool _dropSalt;
    private readonly Digest _revision;

    /// <summary>The schemas of a run.</summary>
    /// <param name="settings">Sizes.</param>
    /// <param name="revision">The model.</param>
    /// <param name="dropSalt">Keys lack the tenant's salt: a planted mistake.</param>
    public SchemaLibrary(SwarmSettings settings, Digest revision, bool dropSalt)
    {
        _revision = revision;
        _dropSalt = dropSalt;
        var random = new Prng(settings.Seed, Streams.Schemas);
        var texts = Enumerable.Range(0, Members).Select(_ => Text(random, settings)).ToArray();
        for (var i = 0; i < Schemas; i++)
        {
            _schemas[i] = Draw(random, settings, texts);
        }
    }

    /// <summary>Whether a module is a public schema's.</summary>
    public bool IsPublic(ModuleRef module) => _public.Contains(module.Key);

    /// <summary>Imports that a request may ask for: the preamble and some members with what they stand on, in the order of the schema; and the schema's length.</summary>
    public (ModuleRef[] Imports, int Length) Draw(Prng random, Tenant tenant, Digest adapter)
    {
        var number = random.Below(Schemas);
        var schema = _schemas[number];
        var wanted = new bool[schema.Members.Length];
        wanted[0] = true;
        for (var member = 1; member < wanted.Length; member++)
        {
            wanted[member] = random.Chance(0.4);
        }

        for (var member = wanted.Length - 1; member > 0; member--)
        {
            foreach (var before in wanted[member] ? schema.Members[member].Context : [])
            {
                wanted[before] = true;
            }
        }

        var imports = Enumerable.Range(0, wanted.Length).Where(member => wanted[member]).Select(member => Module(number, member, tenant, adapter));
        return ([.. imports], schema.Length);
    }

    /// <summary>A module of a schema, as it is pinned.</summary>
    public ModuleRef Any(Prng random, Tenant tenant, Digest adapter)
    {
        var number = random.Below(Schemas);
        return Module(number, random.Below(_schemas[number].Members.Length), tenant, adapter);
    }

    private static int[] Text(Prng random, SwarmSettings settings) =>
        [.. Enumerable.Range(0, random.Spread(1, settings.ModuleTokens)).Select(_ => random.Below(settings.Vocabulary))];

    private static Schema Draw(Prng random, SwarmSettings settings, int[][] texts)
    {
        var members = new Member[random.Between(2, Members)];
        var position = 0;
        var text = random.Below(texts.Length);
        for (var member = 0; member < members.Length; member++)
        {
            // Consecutive members have different texts, another schema begins at another one.
            var tokens = random.Chance(0.8) ? texts[(text + member) % texts.Length] : Text(random, settings);
            var gap = random.Chance(0.3) ? random.Below(20) : 0;
            var half = tokens.Length / 2;
            var first = position;
            var positions = Enumerable.Range(0, tokens.Length).Select(i => first + i + (i >= half ? gap : 0)).ToArray();
            members[member] = new Member(tokens, positions, ContextOf(random, member));
            position = positions[^1] + 1 + (random.Chance(0.3) ? random.Below(10) : 0);
        }

        return new Schema(members, position);
    }

    private static int[] ContextOf(Prng random, int member) => member switch
    {
        0 => [],
        1 => [0],
        _ => random.Chance(0.3) ? [.. Enumerable.Range(0, member)] : [0],
    };

    private ModuleRef Module(int schema, int member, Tenant tenant, Digest adapter)
    {
        var salt = schema == 0 ? Digest.None : tenant.Salt;
        if (_modules.TryGetValue((schema, member, adapter, salt), out var known))
        {
            return known;
        }

        var source = _schemas[schema].Members[member];
        ModuleRef[] context = [.. source.Context.Select(before => Module(schema, before, tenant, adapter))];
        var root = ModuleKeys.Root(_revision, adapter, _dropSalt ? Digest.None : salt);
        var module = new ModuleRef { Key = ModuleKeys.Of(root, context, source.Tokens, source.Positions), Tokens = source.Tokens, Positions = source.Positions, Context = context };
        _modules.Add((schema, member, adapter, salt), module);
        if (schema == 0)
        {
            _public.Add(module.Key);
        }

        return module;
    }

    private sealed record Member(int[] Tokens, int[] Positions, int[] Context);

    private sealed record Schema(Member[] Members, int Length);
}
