using Serving.Core.Tenancy;

namespace Serving.Engine.Requests;

/// <summary>Which limit of its tenant refused a request.</summary>
/// <param name="Limit">The limit.</param>
/// <param name="Allowed">Its value.</param>
/// <param name="Requested">What the request asked of it.</param>
public sealed record LimitRefusal(TenantLimitKind Limit, long Allowed, long Requested);
