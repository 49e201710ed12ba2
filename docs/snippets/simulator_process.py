"""The simulators alone, for a program of your own."""

from broker_server.simulator.process import SimulatorProcess

with SimulatorProcess.start(seed=0, hours=False) as simulator:
    print(simulator.kis_rest_url, simulator.kis_ws_url, simulator.control_url)
    print(simulator.credentials["kis"]["paper"])
    print(simulator.kiwoom_rest_url, simulator.kiwoom_ws_url, simulator.credentials["kiwoom"]["mock"])
    print(simulator.koscom_rest_url, simulator.koscom_ws_url, simulator.credentials["koscom"]["real"])
