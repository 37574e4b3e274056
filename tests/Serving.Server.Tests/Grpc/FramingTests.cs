using System.Buffers;
using System.IO.Pipelines;
using Google.Protobuf;
using Microsoft.Extensions.Primitives;
using Serving.Protocol.V1;
using Serving.Server.Grpc.Framing;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Grpc;

public sealed class FramingTests(ITestOutputHelper output)
{
    private const int Seed = 20261127;

    [Theory]
    [InlineData("1H", 3_600_000)]
    [InlineData("2M", 120_000)]
    [InlineData("99999999S", 99_999_999_000L)]
    [InlineData("5m", 5)]
    [InlineData("007m", 7)]
    [InlineData("1000u", 1)]
    [InlineData("1000000n", 1)]
    [InlineData("0n", 0)]
    [InlineData("99999999H", long.MaxValue)]
    public void TryParse_Timeout_IsItsTimeOrTheLongest(string text, long milliseconds)
    {
        Assert.True(GrpcTimeout.TryParse(text, out var timeout));
        Assert.Equal(Math.Min(milliseconds, (long)GrpcTimeout.Longest.TotalMilliseconds), timeout!.Value.TotalMilliseconds);
    }

    [Theory]
    [InlineData("1n")]
    [InlineData("1u")]
    public void TryParse_ShortTimeout_IsSomeTime(string text)
    {
        Assert.True(GrpcTimeout.TryParse(text, out var timeout));
        Assert.True(timeout > TimeSpan.Zero);
    }

    [Theory]
    [InlineData("")]
    [InlineData("S")]
    [InlineData("1")]
    [InlineData("1s")]
    [InlineData("-1S")]
    [InlineData("+1S")]
    [InlineData(" 1S")]
    [InlineData("1 S")]
    [InlineData("1.5S")]
    [InlineData("100000000S")]
    [InlineData("１S")]
    public void TryParse_MalformedTimeout_IsRefused(string text) => Assert.False(GrpcTimeout.TryParse(text, out _));

    [Fact]
    public void TryParse_NoneOrSeveralTimeouts_AreNoneAndRefused()
    {
        Assert.True(GrpcTimeout.TryParse(StringValues.Empty, out var timeout));
        Assert.Null(timeout);
        Assert.False(GrpcTimeout.TryParse(new StringValues(["1S", "2S"]), out _));
    }

    [Theory]
    [InlineData("plain, with spaces ~", "plain, with spaces ~")]
    [InlineData("100 %", "100 %25")]
    [InlineData("a\nb\0", "a%0Ab%00")]
    [InlineData("«é»", "%C2%AB%C3%A9%C2%BB")]
    public void Encode_Messages_ArePrintableAscii(string message, string encoded) => Assert.Equal(encoded, PercentEncoding.Encode(message));

    [Fact]
    public void Encode_AnyMessage_IsBoundedAndComesBack()
    {
        var random = new Random(Seed);
        for (var i = 0; i < 2000; i++)
        {
            var message = string.Concat(Enumerable.Range(0, random.Next(0, 1500)).Select(_ => char.ConvertFromUtf32(random.Next(8) == 0 ? random.Next(0x10000, 0x10FFFF) : random.Next(1, 0xD7FF))));

            var encoded = PercentEncoding.Encode(message);

            Assert.All(encoded, character => Assert.InRange(character, ' ', '~'));
            var decoded = Uri.UnescapeDataString(encoded);
            Assert.StartsWith(decoded, message, StringComparison.Ordinal);
            Assert.True(decoded.Length >= Math.Min(message.Length, PercentEncoding.MaxLength) - 1);
        }
    }

    [Theory]
    [InlineData("application/grpc", true)]
    [InlineData("application/grpc+proto", true)]
    [InlineData("Application/gRPC; charset=utf-8", true)]
    [InlineData("application/grpc+json", false)]
    [InlineData("application/grpc-web", false)]
    [InlineData("application/json", false)]
    [InlineData("application/grpcx", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void IsSpokenBy_ContentTypes(string? contentType, bool expected) => Assert.Equal(expected, GrpcProtocol.IsSpokenBy(contentType));

    [Theory]
    [InlineData(new byte[0], FrameState.Incomplete)]
    [InlineData(new byte[] { 0 }, FrameState.Incomplete)]
    [InlineData(new byte[] { 1 }, FrameState.Compressed)]
    [InlineData(new byte[] { 2 }, FrameState.Malformed)]
    [InlineData(new byte[] { 255, 0, 0, 0, 0 }, FrameState.Malformed)]
    [InlineData(new byte[] { 0, 0, 0, 0 }, FrameState.Incomplete)]
    [InlineData(new byte[] { 0, 0, 0, 0, 0 }, FrameState.Complete)]
    [InlineData(new byte[] { 0, 0, 0, 0, 2, 9 }, FrameState.Incomplete)]
    [InlineData(new byte[] { 0, 0, 0, 0, 2, 9, 9, 0 }, FrameState.Complete)]
    [InlineData(new byte[] { 0, 0, 0, 0, 11 }, FrameState.TooLarge)]
    [InlineData(new byte[] { 0, 255, 255, 255, 255 }, FrameState.TooLarge)]
    internal void Read_Frames(byte[] bytes, FrameState expected)
    {
        Assert.Equal(expected, MessageFrame.Read(new ReadOnlySequence<byte>(bytes), maxSize: 10, out var message));
        Assert.Equal(expected == FrameState.Complete ? bytes[4] : 0, message.Length);
    }

    /// <summary>However a body is cut into pieces, the same messages come out of it.</summary>
    [Fact]
    public async Task ReadAsync_AnyPieces_GiveTheSameMessages()
    {
        var random = new Random(Seed);
        output.WriteLine($"seed={Seed}");
        for (var i = 0; i < 300; i++)
        {
            var sent = Enumerable.Range(0, random.Next(1, 5)).Select(n => new DetokenizeRequest { Model = new string('m', random.Next(300)), TokenIds = { Enumerable.Range(0, n * 40) } }).ToList();
            var body = new System.IO.Pipelines.Pipe();
            var reader = new MessageReader(body.Reader, 4096);
            var writing = Task.Run(async () =>
            {
                var bytes = sent.SelectMany(GrpcClient.Frame).ToArray();
                for (var at = 0; at < bytes.Length;)
                {
                    var size = Math.Min(random.Next(1, 200), bytes.Length - at);
                    await body.Writer.WriteAsync(bytes.AsMemory(at, size));
                    at += size;
                }

                await body.Writer.CompleteAsync();
            });

            foreach (var message in sent)
            {
                Assert.Equal(message, (await reader.ReadAsync<DetokenizeRequest>(CancellationToken.None)).Value);
            }

            Assert.Equal(default, await reader.ReadAsync<DetokenizeRequest>(CancellationToken.None));
            await writing;
        }
    }

    /// <summary>A client that resets its stream while it is read has gone; that is no failure of the server's.</summary>
    [Fact]
    public async Task ReadAsync_StreamThatIsReset_IsCancelled()
    {
        var body = new System.IO.Pipelines.Pipe();
        await body.Writer.WriteAsync(new byte[] { 0, 0, 0 });
        var reading = new MessageReader(body.Reader, 4096).ReadAsync<DetokenizeRequest>(CancellationToken.None).AsTask();

        await body.Writer.CompleteAsync(new IOException("The client reset the request stream."));

        await Assert.ThrowsAsync<OperationCanceledException>(() => reading);
    }

    /// <summary>Kestrel's reader of a stream that has been reset fails where it is moved on, too, and before the request's token is cancelled.</summary>
    [Fact]
    public async Task ReadAsync_StreamThatIsResetBehindTheMessage_IsCancelled()
    {
        var reader = new MessageReader(new ResetReader(), 4096);
        await Assert.ThrowsAsync<OperationCanceledException>(async () => await reader.ReadAsync<DetokenizeRequest>(CancellationToken.None));
    }

    [Fact]
    public void Parse_UnknownFields_AreNoticedAndLeftOut()
    {
        var known = new DetokenizeRequest { Model = "m", TokenIds = { 1, 2 } };
        byte[] unknown = [.. known.ToByteArray(), 0xF8, 0x3F, 0x01];

        Assert.False(MessageParsing.Parse<DetokenizeRequest>(known.ToByteArray()).HasUnknownFields);
        var parsed = MessageParsing.Parse<DetokenizeRequest>(unknown);
        Assert.True(parsed.HasUnknownFields);
        Assert.Equal(known, parsed.Value);
    }

    /// <summary>Two bytes a message, of which each would be an object of two hundred.</summary>
    [Fact]
    public void Parse_ABodyFullOfEmptyMessages_IsRefusedBeforeItBecomesObjects()
    {
        var chat = Enumerable.Range(0, 1 << 20).SelectMany(_ => new byte[] { 0x0A, 0x00 }).ToArray();
        var request = new GenerateRequest { Chat = new Chat() }.ToByteArray();
        byte[] bytes = [request[0], .. Varint(chat.Length), .. chat];

        var before = GC.GetAllocatedBytesForCurrentThread();
        var parsed = MessageParsing.Parse<GenerateRequest>(bytes);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Contains("elements", parsed.Failure!.Message, StringComparison.Ordinal);
        Assert.True(allocated < 1 << 20, $"{allocated} bytes");
    }

    [Fact]
    public void Parse_UnknownFieldsByTheMillion_AreRefused()
    {
        var bytes = Enumerable.Range(0, 100_000).SelectMany(_ => new byte[] { 0xF8, 0x3F, 0x01 }).ToArray();

        Assert.Contains("elements", MessageParsing.Parse<GenerateRequest>(bytes).Failure!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_NestedAThousandLevels_IsRefused()
    {
        var value = new Google.Protobuf.WellKnownTypes.Value { StringValue = "x" };
        for (var i = 0; i < 1000; i++)
        {
            value = new Google.Protobuf.WellKnownTypes.Value { ListValue = new() { Values = { value } } };
        }

        var request = new GenerateRequest { Chat = new Chat { ChatTemplateKwargs = { ["a"] = value } } };

        Assert.NotNull(MessageParsing.Parse<GenerateRequest>(request.ToByteArray()).Failure);
    }

    /// <summary>What the look before parsing lets through, the parser takes or refuses; and what is right is let through.</summary>
    [Fact]
    public void Parse_TwoHundredThousandMutatedMessages_AreTakenOrRefused()
    {
        var random = new Random(Seed);
        var taken = 0;
        for (var i = 0; i < 200_000; i++)
        {
            var bytes = Mutations.Mutate(Mutations.Full.ToByteArray(), random);

            var parsed = MessageParsing.Parse<GenerateRequest>(bytes);

            Assert.True((parsed.Value is null) == (parsed.Failure is not null));
            taken += parsed.Value is null ? 0 : 1;
        }

        Assert.InRange(taken, 1000, 199_000);
        Assert.Equal(Mutations.Full, MessageParsing.Parse<GenerateRequest>(Mutations.Full.ToByteArray()).Value);
    }

    private static byte[] Varint(int value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        return [.. bytes, (byte)value];
    }

    private sealed class ResetReader : PipeReader
    {
        // A whole message without fields.
        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) => new(new ReadResult(new ReadOnlySequence<byte>(new byte[5]), false, false));

        public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => throw new IOException("The client reset the request stream.");

        public override bool TryRead(out ReadResult result) => throw new NotSupportedException();

        public override void CancelPendingRead() => throw new NotSupportedException();

        public override void Complete(Exception? exception = null) => throw new NotSupportedException();
    }
}
