namespace Serving.Engine.Grammars.Automata;

/// <summary>One way in which a text so far can be read: the state it is in, and the stack of states that the rules around it return to.</summary>
/// <param name="State">The state.</param>
/// <param name="Stack">The stack's number in its <see cref="ParseStacks"/>.</param>
internal readonly record struct Configuration(int State, int Stack);
