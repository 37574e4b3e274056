using System.Reflection;

namespace Serving.Server.Hosting;

/// <summary>The daemon's version.</summary>
internal static class ProductVersion
{
    /// <summary>As it is in the assembly: major.minor.patch.</summary>
    public static string Number { get; } =
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";
}
