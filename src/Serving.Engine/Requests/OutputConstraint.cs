using System.Text.Json;

namespace Serving.Engine.Requests;

/// <summary>What an answer has to be, besides what the model makes of it: every token is chosen among those with which it still can be.</summary>
/// <param name="Field">The client's field that says so, for messages.</param>
public abstract record OutputConstraint(string Field);

/// <summary>Any JSON object.</summary>
/// <param name="Field">The client's field.</param>
public sealed record JsonObjectConstraint(string Field) : OutputConstraint(Field);

/// <summary>JSON by a schema.</summary>
/// <param name="Schema">The JSON Schema.</param>
/// <param name="Field">The client's field.</param>
public sealed record JsonSchemaConstraint(JsonElement Schema, string Field) : OutputConstraint(Field);

/// <summary>A text that a regular expression matches from its beginning to its end.</summary>
/// <param name="Pattern">The expression, as ECMA-262 has them.</param>
/// <param name="Field">The client's field.</param>
public sealed record PatternConstraint(string Pattern, string Field) : OutputConstraint(Field);

/// <summary>A text of a grammar that the client has written.</summary>
/// <param name="Text">The grammar: GBNF, EBNF or Lark's.</param>
/// <param name="Field">The client's field.</param>
public sealed record GrammarConstraint(string Text, string Field) : OutputConstraint(Field);

/// <summary>Text in which some beginnings are followed by what a structural tag says (XGrammar's, vLLM's and SGLang's).</summary>
/// <param name="Tag">The structural tag.</param>
/// <param name="Field">The client's field.</param>
public sealed record StructuralTagConstraint(JsonElement Tag, string Field) : OutputConstraint(Field);

/// <summary>Calls of functions that a chat offers, or demands: those that are demanded and those that are strict follow their schemas.</summary>
/// <param name="Chat">The conversation, with its tools and what is chosen among them.</param>
/// <param name="Field">The client's field.</param>
public sealed record ToolCallConstraint(ChatPrompt Chat, string Field) : OutputConstraint(Field);

/// <summary>One of several texts.</summary>
/// <param name="Choices">The texts; at least one.</param>
/// <param name="Field">The client's field.</param>
public sealed record ChoiceConstraint(IReadOnlyList<string> Choices, string Field) : OutputConstraint(Field);
