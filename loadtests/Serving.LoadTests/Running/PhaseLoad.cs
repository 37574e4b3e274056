using Serving.LoadTests.Arrivals;
using Serving.LoadTests.Measurement;
using Serving.LoadTests.Workload;

namespace Serving.LoadTests.Running;

/// <summary>A scenario as a phase runs it.</summary>
/// <param name="Plan">When its requests come.</param>
/// <param name="Requests">Which they are.</param>
/// <param name="Target">Where they go.</param>
/// <param name="Statistics">Where they are counted.</param>
/// <param name="Tenant">Its tenant's number, for the fairness meter.</param>
internal sealed record ScenarioLoad(ArrivalPlan Plan, RequestFactory Requests, ITarget Target, ScenarioStatistics Statistics, int Tenant);

/// <summary>What the generator allows itself.</summary>
/// <param name="MaxOutstanding">Requests under way at once, over all scenarios.</param>
/// <param name="WarmUp">Seconds whose requests are not counted.</param>
/// <param name="Drain">Seconds that the last requests get to end.</param>
internal sealed record PhaseLimits(int MaxOutstanding, double WarmUp, double Drain);
