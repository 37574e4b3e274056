using System.Text.Json;
using Serving.Engine.Telemetry;

namespace Serving.Server.Telemetry;

/// <summary>What <c>/metrics</c> leaves out: series per tenant and per adapter, with their names, for admins.</summary>
internal static class TenantMetrics
{
    /// <summary>Renders the page.</summary>
    public static byte[] Render(EngineSnapshot snapshot, EngineStatistics statistics)
    {
        var writer = new PrometheusWriter();
        PerTenant(writer, snapshot, "serving_tenant_requests_running", "gauge", "Requests running.", tenant => tenant.Running);
        PerTenant(writer, snapshot, "serving_tenant_requests_waiting", "gauge", "Requests waiting.", tenant => tenant.Waiting);
        PerTenant(writer, snapshot, "serving_tenant_prompt_tokens_total", "counter", "Prompt tokens computed: without those that were found in caches, which the usage ledger counts.", tenant => tenant.PromptTokens);
        PerTenant(writer, snapshot, "serving_tenant_generation_tokens_total", "counter", "Tokens generated.", tenant => tenant.GenerationTokens);
        WriteRefusals(writer, statistics);
        PerAdapter(writer, snapshot, "serving_adapter_pages", "Pages held.", adapter => adapter.Pages);
        PerAdapter(writer, snapshot, "serving_adapter_sequences_running", "Sequences running with it.", adapter => adapter.Running);
        PerAdapter(writer, snapshot, "serving_adapter_requests_waiting", "Requests waiting for it.", adapter => adapter.Waiting);
        return writer.ToBytes();
    }

    private static void WriteRefusals(PrometheusWriter writer, EngineStatistics statistics)
    {
        writer.Family("serving_tenant_refusals_total", "counter", "Requests refused by one of their tenant's limits.");
        foreach (var (tenant, limit, count) in statistics.Refused.OrderBy(refused => refused.Tenant.Value, StringComparer.Ordinal).ThenBy(refused => refused.Limit))
        {
            var name = JsonNamingPolicy.SnakeCaseLower.ConvertName(limit.ToString());
            writer.Series("serving_tenant_refusals_total", $"{PrometheusWriter.Label("tenant", tenant.Value)},{PrometheusWriter.Label("limit", name)}", count);
        }
    }

    private static void PerTenant(PrometheusWriter writer, EngineSnapshot snapshot, string name, string type, string help, Func<TenantStatus, double> value)
    {
        writer.Family(name, type, help);
        foreach (var tenant in snapshot.Tenants)
        {
            writer.Series(name, PrometheusWriter.Label("tenant", tenant.Id), value(tenant));
        }
    }

    private static void PerAdapter(PrometheusWriter writer, EngineSnapshot snapshot, string name, string help, Func<AdapterStatus, double> value)
    {
        writer.Family(name, "gauge", help);
        foreach (var adapter in snapshot.Adapters)
        {
            writer.Series(name, $"{PrometheusWriter.Label("adapter", adapter.Name)},{PrometheusWriter.Label("id", adapter.OpaqueId)},{PrometheusWriter.Label("state", adapter.State)}", value(adapter));
        }
    }
}
