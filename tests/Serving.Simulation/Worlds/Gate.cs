using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Simulation.Oracle;
using Serving.Simulation.Randomness;
using Serving.Simulation.Swarm;

namespace Serving.Simulation.Worlds;

/// <summary>The real admission in front of the scheduler, as the engine's gate calls it: both gates before a request is submitted, its end once when its last choice has ended.</summary>
internal sealed class Gate
{
    /// <summary>How much faster admission's clock goes: a minute passes in two thousand steps, so that buckets fill again within a run.</summary>
    private const int Haste = 30;

    private readonly Dictionary<RequestId, AdmissionTicket> _tickets = [];
    private readonly SwarmSettings _settings;
    private readonly Prng _random;
    private readonly TenantLimits[] _limits;

    /// <summary>The gate of a run.</summary>
    public Gate(SwarmSettings settings)
    {
        _settings = settings;
        _random = new Prng(settings.Seed, Streams.Rates);
        _limits = [.. settings.TenantWeights.Select(_ => DrawLimits())];
    }

    /// <summary>Admission under test.</summary>
    public AdmissionController Controller { get; } = new(int.MaxValue);

    /// <summary>Requests that hold a place.</summary>
    public IReadOnlyDictionary<RequestId, AdmissionTicket> Tickets => _tickets;

    /// <summary>Admission's time.</summary>
    public static long Now(World world) => world.Now * Haste;

    /// <summary>A tenant with the limits in force.</summary>
    public Tenant InForce(World world, Tenant tenant) => tenant with { Limits = _limits[world.Workload.Tenants.IndexOf(tenant)] };

    /// <summary>A point of the step where the file of tenants may be read again with other limits.</summary>
    public void MayReload(World world)
    {
        if (world.FaultsOn && _random.Chance(_settings.Faults.Reload))
        {
            var index = _random.Below(_limits.Length);
            _limits[index] = DrawLimits();
            world.Trace.Add(TraceKind.Reload, index, _limits[index].RequestsPerMinute ?? 0, _limits[index].TokensPerMinute ?? 0);
        }
    }

    /// <summary>Both gates.</summary>
    public AdmissionDecision Enter(World world, SimRequest request)
    {
        var decision = Controller.TryEnter(InForce(world, request.Request.Tenant), Now(world), out var ticket);
        if (ticket is null)
        {
            return decision;
        }

        decision = Controller.TryReserve(ticket, request.Request.ReservedTokens, Now(world));
        if (decision.IsAdmitted)
        {
            _tickets.Add(request.Request.Id, ticket);
        }
        else
        {
            Controller.Leave(ticket, 0, Now(world));
        }

        return decision;
    }

    /// <summary>The scheduler refused it.</summary>
    public void Withdraw(World world, SimRequest request) => Controller.Withdraw(Take(request), Now(world));

    /// <summary>Its last choice has ended.</summary>
    public void End(World world, SimRequest request) => Controller.Leave(Take(request), UsedBy(request), Now(world));

    /// <summary>What a request has used: its prompt once it was begun, and what its choices were given.</summary>
    public static long UsedBy(SimRequest request) => request.Started ? request.Request.Prompt.Count + request.Tracks.Sum(static track => (long)track.Outputs) : 0;

    private AdmissionTicket Take(SimRequest request) => _tickets.Remove(request.Request.Id, out var ticket) ? ticket : throw new InvalidOperationException("It has no place.");

    private TenantLimits DrawLimits() => new(
        int.MaxValue,
        long.MaxValue,
        _settings.RequestsPerMinute > 0 && _random.Chance(0.7) ? _random.Spread(1, _settings.RequestsPerMinute) : null,
        _settings.TokensPerMinute > 0 && _random.Chance(0.7) ? _random.Spread(1, _settings.TokensPerMinute) : null);
}
