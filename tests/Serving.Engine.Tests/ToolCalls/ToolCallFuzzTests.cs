using System.Text.Json;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Tests.ToolCalls;

/// <summary>Random answers, most of them broken: pieces change nothing, nothing throws, nothing is lost, and what is a call has arguments that are JSON.</summary>
public sealed class ToolCallFuzzTests
{
    private const int Rounds = 60_000;
    private const int RoundsOfPieces = 3 * Rounds;

    // "ß" is what must not be lost; no key is here whose value a call leaves out.
    private static readonly string[] Pieces =
    [
        "<tool_call>", "</tool_call>", "<tool_call>\n{\"name\": \"f\", \"arguments\": ", "}\n</tool_call>", "<|python_tag|>", "[TOOL_CALLS]", "[TOOL_CALLS] [", "[TOOL_CALLS]f[ARGS]", "get_weather[CALL_ID]a1", "[ARGS]", "; ", ", ", "]",
        "{\"name\": \"f\", \"parameters\": ", "{\"name\": \"f\", \"arguments\": {\"a\": \"ß\"}}", "{\"name\": \"f\", \"parameters\": {\"b\": [1, {\"c\": null}]}}", "\"name\": \"f\"",
        "\"arguments\": {}", "{", "}", "{}", "{\"a\": ", "[", "\"", "\\", ":", ",", " ", "\n", "ß", "ß ß", "1", "-0.5e7", "true", "nul", "\\u00df", "name", "<", "<|", "[T", "é😀",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>f<｜tool▁sep｜>", "<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n", "\n```", "<｜tool▁call▁end｜>",
        "<|tool_calls_section_begin|>", "<|tool_call_begin|>functions.f:0", "<|tool_call_argument_begin|>", "<|tool_call_end|>", "<|tool_calls_section_end|>", "<function=f>", "</function>", "<|tool_call|>[", "<|/tool_call|>",
        "functools", "<tool_calls>", "</tool_calls>", "<|START_ACTION|>[", "{\"tool_call_id\": \"0\", \"tool_name\": \"f\", \"parameters\": ", "<|END_ACTION|>", "<|tools_prefix|>[", "{\"f\": {}}", "{\"get_weather\": ", "<|tools_suffix|>",
        "function call<|role_sep|>\n", "<|tool_call_start|>[", "<|tool_call_end|>", "[f(", "f(a=", "get_weather(ß='ß', b=[", "'", "='", ")", "<|python_start|>", "<|python_end|>", "<function_calls>", "</function_calls>",
        "<|tool_call>call:f{", "a:", "<|\"|>", "<tool_call|>", "<start_function_call>call:f{a:<escape>", "<escape>", "<end_function_call>", "None",
    ];

    // Calls in channels, and those whose parameters stand one by one, have tests of their own.
    private static readonly ToolCallFormat[] Formats = [.. ToolCallFormat.All.Where(format => format is { IsChannels: false, Parameters: null })];

    // Arguments are written as JSON by these.
    private static readonly ToolCallFormat[] Written = [.. Formats.Where(format => format.Literal is null)];

    [Fact]
    public void Append_AnyTextInAnyPieces_GivesTheSameAndLosesNothing()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var called = new int[Formats.Length];
        for (var round = 0; round < RoundsOfPieces; round++)
        {
            // Behind the format's own marks as often as not, or few calls would begin at all.
            var format = Formats[random.Next(Formats.Length)];
            var begun = random.Next(2) == 0 ? "" : format.First + format.Before + (random.Next(2) == 0 ? string.Join('0', format.Head("f")) : "");
            var text = begun + string.Concat(Enumerable.Range(0, random.Next(14)).Select(_ => Pieces[random.Next(Pieces.Length)]));
            var whole = Answer.Of(format, [text]);
            var cut = Answer.Of(format, Answer.Cut(text, random));
            var note = $"seed {seed}, round {round}, {format.Name}: {text}";

            Assert.True(whole.Content == cut.Content && whole.Calls.SequenceEqual(cut.Calls), note);
            Assert.True(whole.Calls.Count > 0 || whole.Content == text, note);
            Assert.True(Marks(text) == Marks(whole.Content) + whole.Arguments.Sum(Marks), note);
            Assert.True(whole.Arguments.All(IsObject), note);
            called[Array.IndexOf(Formats, format)] += whole.Calls.Count;
        }

        Assert.All(called, count => Assert.InRange(count, 5, int.MaxValue));
    }

    [Fact]
    public void Append_WhatAFormatWrites_IsRead()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < Rounds / 6; round++)
        {
            var format = Written[round % Written.Length];
            (string, string)[] calls = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => (random.Next(2) == 0 ? "f" : "get_weather", RandomObject(random, 3)))];
            var text = format.Write(calls);

            var answer = Answer.Of(format, Answer.Cut(text, random));

            Assert.True(answer.Calls.SequenceEqual(calls.Select(call => $"{call.Item1} {call.Item2}")) && answer.Content.Length == 0, $"seed {seed}: {text}");
        }
    }

    /// <summary>The scanner that follows arguments and a parser of JSON agree on what is an object.</summary>
    [Fact]
    public void Append_MutatedArguments_AreACallExactlyWhenTheyAreAnObject()
    {
        const string Alphabet = "{}[]\":,\\/ \n\t0159.eE+-truefalsn\u0001ßu";
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var accepted = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var arguments = RandomObject(random, 3);
            for (var changes = random.Next(3); changes > 0; changes--)
            {
                var at = random.Next(1, arguments.Length);
                arguments = arguments[..at] + Alphabet[random.Next(Alphabet.Length)] + arguments[(at + random.Next(2))..];
            }

            // Behind the arguments comes what is no JSON, so that a shorter object is not taken for the whole.
            var isCall = Answer.Of(ToolCallFormat.Hermes, [$"<tool_call>{{\"name\":\"f\",\"arguments\":{arguments}}}"]) is { Calls: [var call], Content: "" } && call == $"f {arguments}";
            accepted += isCall ? 1 : 0;
            Assert.True(isCall == (IsObject(arguments) && !HasOuterSpace(arguments)), $"seed {seed}: {arguments}");
        }

        Assert.InRange(accepted, Rounds / 10, Rounds);
    }

    private static bool HasOuterSpace(string json) => json.AsSpan().Trim().Length != json.Length;

    private static int Marks(string text) => text.Count(c => c == 'ß');

    private static bool IsObject(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string RandomObject(Random random, int depth) =>
        "{" + string.Join(random.Next(2) == 0 ? "," : ", ", Enumerable.Range(0, random.Next(4)).Select(i => $"\"k{i}\": {RandomValue(random, depth - 1)}")) + "}";

    private static string RandomValue(Random random, int depth) => random.Next(depth > 0 ? 8 : 6) switch
    {
        0 => "null",
        1 => "true",
        2 => random.Next(-500, 500).ToString(System.Globalization.CultureInfo.InvariantCulture),
        3 => "0.25e-3",
        4 => "\"a}]{ </tool_call> \\\" \\u00e9\"",
        5 => "\"\"",
        6 => "[" + string.Join(",", Enumerable.Range(0, random.Next(3)).Select(_ => RandomValue(random, depth - 1))) + "]",
        _ => RandomObject(random, depth),
    };
}
