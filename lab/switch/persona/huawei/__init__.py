"""Huawei's switches: an S5720 with VRP 5, and a CloudEngine S5735 whose changes need a commit (VRP 8, YunShan OS).

Written from Huawei's command references and configuration guides, and from recordings of real switches (ntc-templates,
LibreNMS, gnetcli). Where those give no words for a refusal, the words here are made up; all begin with `Error:`, as
every refusal does.
"""
