namespace Serving.Server.Telemetry;

/// <summary>How adapters are called in metrics that everybody may read.</summary>
internal enum AdapterNaming
{
    /// <summary>As the <c>model</c> of a request names them, without their tenant: what an endpoint picker compares with.</summary>
    OfRequests,

    /// <summary>By ids that tell nothing of their owners and differ from process to process.</summary>
    Opaque,
}
