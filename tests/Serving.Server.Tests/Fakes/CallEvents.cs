using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Server.Tests.Fakes;

/// <summary>Events of answers that call functions, as the engine's parser makes them.</summary>
internal static class CallEvents
{
    /// <summary>A chat that offers the functions f and g.</summary>
    public const string Chat = """
        "messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f"} },{"type":"function","function":{"name":"g"} }]
        """;

    /// <summary>Sends, for every choice, what a parser makes of pieces of an answer, and ends.</summary>
    public static void Say(FakeRequest request, params string[] pieces)
    {
        for (var choice = 0; choice < request.Request.Choices; choice++)
        {
            var drawn = 0;
            var parser = new ToolCallParser(ToolCallFormat.Hermes, ToolRules.Names((ChatPrompt)request.Request.Prompt)!, 0, () => $"call_{drawn++}");
            foreach (var piece in pieces)
            {
                var output = parser.Append(piece);
                request.Send(new GenerationEvent { Choice = choice, Text = output.Text, ToolCalls = output.Calls, Tokens = [7] });
            }

            var rest = parser.Flush();
            request.Send(new GenerationEvent { Choice = choice, Text = rest.Text, ToolCalls = rest.Calls, FinishReason = FinishReason.Stop, CallsTools = parser.Calls > 0 });
        }

        request.End();
    }
}
