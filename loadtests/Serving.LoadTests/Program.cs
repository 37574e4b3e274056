using Serving.LoadTests.Commands;
using Spectre.Console;

// The first Ctrl-C ends the run and its report says so; the second one ends the process.
using var interrupt = new CancellationTokenSource();
Console.CancelKeyPress += (_, signal) =>
{
    signal.Cancel = !interrupt.IsCancellationRequested;
    interrupt.Cancel();
};

// In a file lines are as long as they are, without colours.
var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = Console.IsOutputRedirected ? AnsiSupport.No : AnsiSupport.Detect });
if (Console.IsOutputRedirected)
{
    console.Profile.Width = 1000;
}

return await LoadTestCommand.InvokeAsync(args, console, interrupt.Token);
