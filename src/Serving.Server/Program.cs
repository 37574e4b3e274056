using Serving.Server;
using Serving.Server.Configuration;

return await CommandLine.InvokeAsync(args, Daemon.RunAsync);
