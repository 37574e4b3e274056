using Serving.Engine;
using Serving.Engine.Requests;
using Serving.Server.Tenancy;

namespace Serving.Server.Front;

/// <summary>An engine request that says only whose it is; the body fills in the rest.</summary>
internal static class BlankRequest
{
    private static readonly TextPrompt NoPrompt = new("");

    /// <summary>The caller's, for the base model.</summary>
    public static GenerationRequest For(HttpContext context, IEngineClient engine) => new()
    {
        Id = context.TraceIdentifier,
        Tenant = ApiCaller.Of(context).Tenant,
        Model = engine.Description.ModelName,
        Prompt = NoPrompt,
    };
}
