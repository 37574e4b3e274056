using System.Net.Sockets;
using System.Text;

namespace Serving.Server.Tests.Fakes;

/// <summary>Sends bytes that no well-behaved client would.</summary>
internal static class RawHttp
{
    /// <summary>Sends a request and reads everything until the server closes.</summary>
    public static async Task<string> SendAsync(Uri address, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        using var reader = new StreamReader(stream, Encoding.Latin1);
        return await reader.ReadToEndAsync();
    }

    /// <summary>The status of the answer.</summary>
    public static async Task<int> StatusAsync(Uri address, string request)
    {
        var answer = await SendAsync(address, request);
        return int.Parse(answer.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }
}
