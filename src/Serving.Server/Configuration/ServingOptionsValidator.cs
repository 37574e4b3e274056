using System.Net;

namespace Serving.Server.Configuration;

/// <summary>Checks what no single key can: that options fit together.</summary>
internal static class ServingOptionsValidator
{
    /// <summary>Everything that does not fit, one line each.</summary>
    public static IEnumerable<string> Check(ServingOptions options)
    {
        var hasKeys = options.Tenancy.ApiKey.Count > 0 || options.Tenancy.Tenants is not null;
        if (!IsAddress(options.Server.Host))
        {
            yield return "server.host: expected an IP address, localhost or *";
        }
        else if (!hasKeys && !IsLoopback(options.Server.Host) && !options.Server.AllowAnonymous)
        {
            yield return $"server.host: without keys only loopback can be bound, not {options.Server.Host}; give --api-key or --tenants, or --allow-anonymous if anyone may use it";
        }

        if (options.Tenancy.Secret is not null && options.Tenancy.SecretFile is not null)
        {
            yield return "tenancy.secret and tenancy.secret_file: give one of them";
        }

        if (options.Usage.File is { } usage && !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(usage))))
        {
            yield return $"usage.file: the folder of {usage} does not exist";
        }

        if (options.Model.Adapters is { } adapters && !Directory.Exists(adapters))
        {
            yield return $"model.adapters: there is no folder {adapters}";
        }

        if (options.Model.ChatTemplate is { } template && !File.Exists(template))
        {
            yield return $"model.chat_template: there is no file {template}";
        }

        if (options.Grpc is { Enabled: true, Port: > 0 } && options.Grpc.Port == options.Server.Port)
        {
            yield return "grpc.port: must differ from server.port";
        }
    }

    /// <summary>True for an address that only this machine reaches.</summary>
    public static bool IsLoopback(string host) => host == "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

    private static bool IsAddress(string host) => host is "localhost" or "*" || IPAddress.TryParse(host, out _);
}
