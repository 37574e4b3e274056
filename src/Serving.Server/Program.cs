using Serving.Server;
using Serving.Server.Configuration;
using Serving.Server.Metering;

return await CommandLine.InvokeAsync(args, Daemon.RunAsync, UsageCommand.Create());
