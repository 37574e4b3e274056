using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Serving.EndToEnd.Tests.Daemon;
using Serving.Protocol.Health.V1;
using Serving.Protocol.V1;
using Serving.Testing;
using Tool = Serving.EndToEnd.Tests.Deployment.Tool;

namespace Serving.EndToEnd.Tests.Clients;

/// <summary>gRPC's own clients for JavaScript and Python against the running daemon.</summary>
public sealed class GrpcClientTests(SharedDaemon daemon) : IClassFixture<SharedDaemon>
{
    private const string SystemPython = "/usr/bin/python3";

    [Fact]
    public async Task JavaScript_AnswersEqualHttps_AndWhateverGoesWrongHasItsStatus()
    {
        var protos = Repository.PathOf("src", "Serving.Protocol", "Proto");
        var result = await new NodeClient("grpc", "@grpc/grpc-js").RunAsync(daemon.Grpc, daemon.Process.Address.GetLeftPart(UriPartial.Authority), SharedDaemon.Key, protos);

        // Text, finish reason and logprobs of every choice: over HTTP, in one message, in a stream; then the token counts of the three.
        foreach (var name in new[] { "base", "adapter", "seeded" })
        {
            var answers = result.GetProperty(name).EnumerateArray().Select(answer => answer.GetString()!).ToList();
            Assert.Single(answers.Take(3).Distinct());
            Assert.Single(answers.Skip(3).Distinct());
        }

        Assert.Contains("Paris", result.GetProperty("base")[0].GetString(), StringComparison.Ordinal);
        Assert.Equal("The phone extension of Clara is 190.", Text("imported"));
        Assert.Equal("""["office"]""", result.GetProperty("modules").GetRawText());
        Assert.Equal("""["tiny-chat-5m","acme","french","json","pirate","shout","terse"]""", result.GetProperty("models").GetRawText());
        Assert.Equal(result.GetProperty("encodedOverHttp").GetRawText(), result.GetProperty("encoded").GetRawText());
        Assert.Equal("What is the capital of France?", Text("text"));
        Assert.Equal(("SERVING", "SERVING"), (Text("healthy"), Text("watched")));
        Assert.Equal(
            """["serving.v1.InferenceService","serving.v1.AdapterService","grpc.health.v1.Health","grpc.reflection.v1.ServerReflection"]""",
            result.GetProperty("services").GetRawText());
        Assert.Equal("CANCELLED", Text("cancelled"));
        Assert.StartsWith("DEADLINE_EXCEEDED", Text("deadline"), StringComparison.Ordinal);
        Assert.Equal("INVALID_ARGUMENT temperature", Text("wrong"));
        Assert.Equal("NOT_FOUND model", Text("unknownModel"));
        Assert.Equal("UNAUTHENTICATED", Text("keyless"));
        Assert.Equal("RESOURCE_EXHAUSTED", Text("tooLarge"));
        Assert.Equal(("UNIMPLEMENTED", "UNIMPLEMENTED"), (Text("compressed"), Text("unknownMethod")));
        Assert.Contains("Paris", Text("after"), StringComparison.Ordinal);
        await IdleAsync();

        string Text(string name) => result.GetProperty(name).GetString()!;
    }

    [Fact]
    public async Task Python_AnswersStreamedAndAtOnce_AndWhateverGoesWrongHasItsStatus()
    {
        Repository.Requires(File.Exists(SystemPython) && (await Tool.RunAsync(SystemPython, "/", "-c", "import grpc, google.protobuf")).Code == 0, "python3-grpcio is not installed");
        using var folder = new TemporaryFolder();
        var descriptors = Path.Combine(folder.Path, "descriptors");
        await File.WriteAllBytesAsync(descriptors, FileSet(InferenceServiceReflection.Descriptor, HealthReflection.Descriptor), TestContext.Current.CancellationToken);

        var (code, output) = await Tool.RunAsync(SystemPython, Repository.PathOf("tests", "Serving.EndToEnd.Tests", "Clients", "grpc"), "client.py", daemon.Grpc, SharedDaemon.Key, descriptors);

        Assert.True(code == 0, output);
        var result = JsonDocument.Parse(output.Split('\n').Last(line => line.StartsWith('{'))).RootElement;
        Assert.Contains("Paris", Text("whole"), StringComparison.Ordinal);
        Assert.Equal(Text("whole"), Text("streamed"));
        Assert.Equal([Text("whole")], result.GetProperty("others").EnumerateArray().Select(text => text.GetString()));
        Assert.Equal(result.GetProperty("tokens")[0].GetInt32(), result.GetProperty("tokens")[1].GetInt32());
        Assert.Equal((int)HealthCheckResponse.Types.ServingStatus.Serving, result.GetProperty("healthy").GetInt32());
        Assert.Equal(
            ["CANCELLED", "DEADLINE_EXCEEDED", "UNAUTHENTICATED", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"],
            new[] { "cancelled", "deadline", "keyless", "wrong", "tooLarge", "compressed" }.Select(Text));
        await IdleAsync();

        string Text(string name) => result.GetProperty(name).GetString()!;
    }

    // What was cancelled or late has left the batch, and its pages are free.
    private async Task IdleAsync()
    {
        using var client = daemon.Process.CreateClient(SharedDaemon.Key);
        JsonElement status;
        do
        {
            status = await daemon.Process.StatusAsync(client);
        }
        while (status.GetProperty("running").GetInt32() + status.GetProperty("waiting").GetInt32() > 0);

        Assert.Equal(0, status.GetProperty("pool").GetProperty("sequences").GetInt32());
        Assert.DoesNotContain("ERR", daemon.Process.Output, StringComparison.Ordinal);
    }

    // Files and all that they import, imports first: what protoc --descriptor_set_out writes.
    private static byte[] FileSet(params FileDescriptor[] files)
    {
        var set = new FileDescriptorSet();
        set.File.AddRange(files.SelectMany(ImportsFirst).DistinctBy(file => file.Name).Select(file => file.ToProto()));
        return set.ToByteArray();
    }

    private static IEnumerable<FileDescriptor> ImportsFirst(FileDescriptor file) => file.Dependencies.SelectMany(ImportsFirst).Append(file);
}
